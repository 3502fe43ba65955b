//! Which objects a controller owns: those it has, orphans that it may adopt, and those it must let go.

use serde_json::json;

use crate::{
    api::{Api, Error, Patch, Resource, Target},
    meta::{Meta, Owner},
    selector::Selector,
};

/// The object that wants to own others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant<'a> {
    pub(crate) meta: &'a Meta,
    pub(crate) selector: &'a Selector,
}

/// What is between a claimant and an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It owns the object and the labels agree.
    Owned,
    /// The object has no controller and the labels agree.
    Adopt,
    /// It owns the object, but the labels do not agree any more.
    Release,
    /// The object is none of its business.
    Foreign,
}

// === impl Claimant ===

impl Claimant<'_> {
    /// Decides about one object, as upstream's controller reference manager does.
    pub(crate) fn claim(&self, object: &Meta) -> Claim {
        let matches = self.selector.matches(&object.labels);
        match object.controller() {
            Some(owner) if owner.uid != self.meta.uid => Claim::Foreign,
            Some(_) if matches => Claim::Owned,
            Some(_) if self.meta.is_deleting() => Claim::Foreign,
            Some(_) => Claim::Release,
            None if self.meta.is_deleting() || object.is_deleting() || !matches => Claim::Foreign,
            None => Claim::Adopt,
        }
    }
}

/// The reference that makes an object of `resource` the controller of another.
pub(crate) fn reference(resource: &Resource, meta: &Meta) -> Owner {
    Owner {
        api_version: resource.api_version().into(),
        kind: resource.kind.as_ref().into(),
        name: meta.name.as_ref().into(),
        uid: meta.uid.clone(),
        controller: true,
        block_owner_deletion: true,
    }
}

/// Makes `owner` the controller of an orphan, and answers with the object as it is then.
pub(crate) async fn adopt<T: serde::de::DeserializeOwned>(
    api: &Api,
    resource: &Resource,
    object: &Meta,
    owner: &Owner,
) -> Result<T, Error> {
    let target = Target { resource, namespace: &object.namespace, name: &object.name };
    let patch = json!({"metadata": {"uid": object.uid, "ownerReferences": [owner]}});
    api.patch(target, "", Patch::Strategic, &patch).await
}

/// Takes the reference to the owner with `uid` away. That the object is gone is as good.
pub(crate) async fn release<T: serde::de::DeserializeOwned>(
    api: &Api,
    resource: &Resource,
    object: &Meta,
    uid: &str,
) -> Result<Option<T>, Error> {
    let target = Target { resource, namespace: &object.namespace, name: &object.name };
    let references = json!([{"$patch": "delete", "uid": uid}]);
    let patch = json!({"metadata": {"uid": object.uid, "ownerReferences": references}});
    crate::api::absent_as_none(api.patch(target, "", Patch::Strategic, &patch).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(labels: &str, controller: &str) -> Meta {
        let owner = Owner { uid: controller.into(), controller: true, ..Owner::default() };
        let owner_references = if controller.is_empty() { Box::default() } else { Box::from([owner]) };
        Meta { labels: serde_json::from_str(labels).unwrap_or_default(), owner_references, ..Meta::default() }
    }

    #[test]
    fn a_claim_depends_on_owner_and_labels() {
        let selector = Selector { match_labels: [("app".into(), "web".into())].into(), ..Selector::default() };
        let claimant = Meta { uid: "me".into(), ..Meta::default() };
        let claimant = Claimant { meta: &claimant, selector: &selector };
        for (labels, controller, claim) in [
            (r#"{"app":"web"}"#, "me", Claim::Owned),
            (r#"{"app":"db"}"#, "me", Claim::Release),
            (r#"{"app":"web"}"#, "", Claim::Adopt),
            (r#"{"app":"db"}"#, "", Claim::Foreign),
            (r#"{"app":"web"}"#, "other", Claim::Foreign),
        ] {
            assert_eq!(claimant.claim(&meta(labels, controller)), claim, "{labels} {controller}");
        }
    }
}
