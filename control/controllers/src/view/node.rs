//! A node as controllers see it.

use serde::{Deserialize, Serialize};

use crate::{
    api::Resource,
    clock::Time,
    conditions::Condition,
    kinds,
    meta::Meta,
    watch::{Object, View},
};

/// A node: its addresses to give out, how it does, and what keeps pods away from it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) metadata: Meta,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spec {
    #[serde(rename = "podCIDR")]
    pub(crate) pod_cidr: Box<str>,
    pub(crate) unschedulable: bool,
    pub(crate) taints: Vec<Taint>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Taint {
    pub(crate) key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) value: String,
    pub(crate) effect: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_added: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    #[serde(deserialize_with = "crate::serde_null::as_default")]
    pub(crate) conditions: Vec<NodeCondition>,
}

/// A condition of a node, which has a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeCondition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_heartbeat_time: Option<Time>,
    #[serde(flatten)]
    pub(crate) condition: Condition,
}

// === impl Node ===

impl Node {
    /// The status of a condition; empty if it has none.
    pub(crate) fn condition(&self, name: &str) -> &str {
        self.find(name).map_or("", |found| &found.condition.status)
    }

    /// A condition by its type.
    pub(crate) fn find(&self, name: &str) -> Option<&NodeCondition> {
        self.status.conditions.iter().find(|known| known.condition.name == name)
    }
}

impl Object for Node {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.metadata
    }
}

impl View for Node {
    const RESOURCE: &'static Resource = &kinds::NODES;
}

/// The lease by which a node says that it lives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeLease {
    pub(crate) metadata: Meta,
}

impl Object for NodeLease {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.metadata
    }
}

impl View for NodeLease {
    const RESOURCE: &'static Resource = &kinds::LEASES;
    const FORM: crate::watch::Form = crate::watch::Form::Metadata;
    const QUERY: &'static str = "fieldSelector=metadata.namespace%3Dkube-node-lease";
}
