//! What discovery says of one kind and its subresources: upstream's APIResource, and its aggregated form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::registry::resource::{Gvk, Resource, Scope, Subresource, Verb};

/// How many bytes of a hash make a `storageVersionHash`.
const STORAGE_HASH_BYTES: usize = 8;

/// A kind and its subresources as rows of an `APIResourceList`.
pub(super) fn list(resource: &Resource) -> Vec<Value> {
    let namespaced = resource.scope == Scope::Namespaced;
    let mut described = json!({
        "name": &*resource.plural, "singularName": &*resource.singular, "namespaced": namespaced,
        "kind": &*resource.gvk.kind, "verbs": words(resource.verbs),
    });
    if !resource.short_names.is_empty() {
        described["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        described["categories"] = json!(resource.categories);
    }
    if resource.verbs.contains(&Verb::Watch) {
        // A view is stored as the kind that it shows.
        let stored = resource.view.map(|view| Gvk::new(view.of.0, view.of.1, &resource.gvk.kind));
        described["storageVersionHash"] = storage_version_hash(stored.as_ref().unwrap_or(&resource.gvk)).into();
    }
    let mut subresources: Vec<&Subresource> = resource.subresources.iter().collect();
    subresources.sort_by_key(|subresource| subresource.name);
    let below = subresources.into_iter().map(|subresource| {
        let mut described = json!({
            "name": format!("{}/{}", resource.plural, subresource.name), "singularName": "", "namespaced": namespaced,
            "kind": subresource.body.map_or(&*resource.gvk.kind, |(_, _, kind)| kind), "verbs": words(subresource.verbs),
        });
        if let Some((group, version, _)) = subresource.body.filter(|(group, _, _)| !group.is_empty()) {
            described["group"] = group.into();
            described["version"] = version.into();
        }
        described
    });
    std::iter::once(described).chain(below).collect()
}

/// A kind with its subresources as aggregated discovery shows it.
pub(super) fn aggregated(resource: &Resource) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut described = json!({
        "resource": &*resource.plural, "responseKind": kind("", "", &resource.gvk.kind),
        "scope": if resource.scope == Scope::Namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": &*resource.singular, "verbs": words(resource.verbs),
    });
    if !resource.short_names.is_empty() {
        described["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        described["categories"] = json!(resource.categories);
    }
    let mut subresources: Vec<&Subresource> = resource.subresources.iter().collect();
    subresources.sort_by_key(|subresource| subresource.name);
    let below: Vec<Value> = subresources
        .into_iter()
        .map(|subresource| {
            let response_kind = match subresource.body {
                Some(("", _, name)) => kind("", "", name),
                Some((group, version, name)) => kind(group, version, name),
                None => kind("", "", &resource.gvk.kind),
            };
            json!({"subresource": subresource.name, "responseKind": response_kind, "verbs": words(subresource.verbs)})
        })
        .collect();
    if !below.is_empty() {
        described["subresources"] = below.into();
    }
    described
}

fn words(verbs: &[Verb]) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = verbs.iter().map(|verb| verb.as_str()).collect();
    words.sort_unstable();
    words
}

/// Which form objects are stored in, as upstream hashes it.
fn storage_version_hash(gvk: &Gvk) -> String {
    let digest = Sha256::digest(format!("{}/{}/{}", gvk.group, gvk.version, gvk.kind));
    STANDARD.encode(&digest[..STORAGE_HASH_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_upstreams() {
        assert_eq!(storage_version_hash(&Gvk::new("apps", "v1", "DaemonSet")), "dd7pWHUlMKQ=");
    }
}
