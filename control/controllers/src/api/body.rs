//! What goes to the API and comes from it besides objects: pages, patches and the wishes of a deletion.

use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct List<T> {
    pub(crate) metadata: ListMeta,
    #[serde(default = "Vec::new", deserialize_with = "null_as_empty")]
    pub(crate) items: Vec<T>,
}

/// A list's version and where it goes on.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListMeta {
    pub(crate) resource_version: String,
    #[serde(rename = "continue")]
    pub(crate) next: String,
}

/// How a patch body is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patch {
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, where lists merge by key.
    Strategic,
}

/// What is asked of a deletion.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deletion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) propagation_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Preconditions::is_empty")]
    pub(crate) preconditions: Preconditions,
}

/// What must be true of an object to be deleted.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preconditions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_version: Option<String>,
}

// === impl Deletion ===

impl Deletion {
    /// Deletes the object only if it is the one with this uid.
    pub(crate) fn of_uid(uid: &str) -> Self {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        Self { preconditions, ..Self::default() }
    }
}

impl Preconditions {
    pub(super) fn is_empty(&self) -> bool {
        self.uid.is_none() && self.resource_version.is_none()
    }
}

// === impl Patch ===

impl Patch {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

fn null_as_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
