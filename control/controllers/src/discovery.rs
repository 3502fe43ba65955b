//! Which resources the API server serves, asked of its discovery documents.

use std::borrow::Cow;

use serde::Deserialize;

use crate::api::{Api, Error, Resource};

/// A resource that the server serves, in the version that it prefers.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) resource: Resource,
    pub(crate) namespaced: bool,
    verbs: Vec<String>,
}

/// What was found, and which group versions did not answer.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    pub(crate) resources: Vec<Served>,
    pub(crate) failed: Vec<String>,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    preferred_version: GroupVersion,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupVersion {
    group_version: String,
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<ApiResource>,
}

#[derive(Deserialize)]
struct ApiResource {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

// === impl Served ===

impl Served {
    /// Whether the resource can do all of `verbs`.
    pub(crate) fn can(&self, verbs: &[&str]) -> bool {
        verbs.iter().all(|verb| self.verbs.iter().any(|known| known == verb))
    }
}

/// Asks for everything. A group that does not answer is named, not fatal: an aggregated API may be down.
pub(crate) async fn discover(api: &Api) -> Result<Discovered, Error> {
    let groups: Groups = api.read("/apis").await?;
    let mut versions = vec!["v1".to_owned()];
    versions.extend(groups.groups.into_iter().map(|group| group.preferred_version.group_version));
    let mut found = Discovered::default();
    for version in versions {
        let root = if version.contains('/') { "/apis" } else { "/api" };
        match api.read::<Resources>(&format!("{root}/{version}")).await {
            Ok(list) => found.resources.extend(served(&version, list.resources)),
            Err(_) => found.failed.push(version),
        }
    }
    Ok(found)
}

fn served(group_version: &str, resources: Vec<ApiResource>) -> impl Iterator<Item = Served> {
    let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
    let (group, version) = (group.to_owned(), version.to_owned());
    let whole = resources.into_iter().filter(|resource| !resource.name.contains('/'));
    whole.map(move |resource| Served {
        resource: Resource {
            group: Cow::Owned(group.clone()),
            version: Cow::Owned(version.clone()),
            plural: Cow::Owned(resource.name),
            kind: Cow::Owned(resource.kind),
        },
        namespaced: resource.namespaced,
        verbs: resource.verbs,
    })
}
