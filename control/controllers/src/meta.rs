//! The parts of `metadata` that controllers read, held as small as they can be.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess},
};

use crate::clock::Time;

/// Where an object is: namespace (empty for cluster-scoped objects) and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Empty for cluster-scoped objects.
    pub(crate) namespace: Arc<str>,
    /// `metadata.name`.
    pub(crate) name: Arc<str>,
}

/// `metadata` without what no controller reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub(crate) name: Arc<str>,
    pub(crate) namespace: Arc<str>,
    pub(crate) uid: Box<str>,
    pub(crate) generation: i64,
    #[serde(deserialize_with = "revision")]
    pub(crate) resource_version: u64,
    pub(crate) labels: Labels,
    #[serde(deserialize_with = "kept_annotations")]
    pub(crate) annotations: Labels,
    pub(crate) owner_references: Box<[Owner]>,
    pub(crate) finalizers: Box<[Box<str>]>,
    pub(crate) creation_timestamp: Option<Time>,
    pub(crate) deletion_timestamp: Option<Time>,
}

/// One owner reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Owner {
    pub(crate) api_version: Box<str>,
    pub(crate) kind: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) uid: Box<str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) controller: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) block_owner_deletion: bool,
}

/// A small map of strings, sorted by key: one allocation instead of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(Box<[(Box<str>, Box<str>)]>);

/// The annotations that views keep. All others may be large and are read from the API where they matter.
const ANNOTATIONS_KEPT: [&str; 2] = [POD_DELETION_COST, NODE_TTL];

/// How much a pod's deletion costs among its siblings.
pub(crate) const POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// For how long a node may keep what it has read, in seconds.
pub(crate) const NODE_TTL: &str = "node.alpha.kubernetes.io/ttl";

/// When the change happened that an endpoint object was last written for.
pub(crate) const LAST_CHANGE_TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

// === impl Key ===

impl Key {
    /// A key from its two parts.
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_ref() {
            "" => f.write_str(&self.name),
            namespace => write!(f, "{namespace}/{}", self.name),
        }
    }
}

// === impl Meta ===

impl Meta {
    /// Where the object is.
    pub(crate) fn key(&self) -> Key {
        Key { namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// The owner reference of the controller that manages the object.
    pub(crate) fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether the controller with this uid manages the object.
    pub(crate) fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller().is_some_and(|owner| owner.uid.as_ref() == uid)
    }

    /// Whether the object is being deleted.
    pub(crate) fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Whether `finalizer` holds the object.
    pub(crate) fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|held| held.as_ref() == finalizer)
    }
}

// === impl Labels ===

impl Labels {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// The pairs in order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    fn from_pairs(mut pairs: Vec<(Box<str>, Box<str>)>) -> Self {
        pairs.sort_unstable();
        Self(pairs.into())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor { keep: |_| true })
    }
}

fn kept_annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    deserializer.deserialize_map(LabelsVisitor { keep: |key| ANNOTATIONS_KEPT.contains(&key) })
}

struct LabelsVisitor {
    keep: fn(&str) -> bool,
}

impl<'de> de::Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<Box<str>>()? {
            if (self.keep)(&key) {
                pairs.push((key, map.next_value()?));
            } else {
                map.next_value::<de::IgnoredAny>()?;
            }
        }
        Ok(Labels::from_pairs(pairs))
    }
}

/// Reads a resource version. One that is no number counts as 0, which is older than everything.
fn revision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.parse().unwrap_or(0))
}
