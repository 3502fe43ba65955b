//! Pods and nodes as the scheduler reads them.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Deserializer};

use crate::resources::Resources;

type Map = BTreeMap<Box<str>, Box<str>>;

/// The parts of `metadata` that are read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub(crate) name: Box<str>,
    pub(crate) namespace: Box<str>,
    pub(crate) uid: Box<str>,
    pub(crate) generation: i64,
    #[serde(deserialize_with = "revision")]
    pub(crate) resource_version: u64,
    pub(crate) labels: Map,
    pub(crate) deletion_timestamp: Option<Box<str>>,
}

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pod {
    pub(crate) metadata: Meta,
    pub(crate) spec: PodSpec,
    pub(crate) status: PodStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec {
    pub(crate) node_name: Box<str>,
    pub(crate) scheduler_name: Box<str>,
    pub(crate) scheduling_gates: Vec<serde::de::IgnoredAny>,
    pub(crate) priority: i32,
    pub(crate) preemption_policy: Box<str>,
    pub(crate) node_selector: Map,
    pub(crate) affinity: Option<Affinity>,
    pub(crate) tolerations: Vec<Toleration>,
    pub(crate) topology_spread_constraints: Vec<SpreadConstraint>,
    pub(crate) containers: Vec<Container>,
    pub(crate) init_containers: Vec<Container>,
    pub(crate) overhead: Map,
    /// Requests of the whole pod, which win over those of its containers.
    pub(crate) resources: Requirements,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Container {
    pub(crate) resources: Requirements,
    pub(crate) ports: Vec<Port>,
    pub(crate) restart_policy: Box<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Requirements {
    pub(crate) requests: Map,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Port {
    pub(crate) host_port: u16,
    #[serde(rename = "hostIP")]
    pub(crate) host_ip: Box<str>,
    pub(crate) protocol: Box<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Affinity {
    pub(crate) node_affinity: Option<NodeAffinity>,
    pub(crate) pod_affinity: Option<PodAffinity>,
    pub(crate) pod_anti_affinity: Option<PodAffinity>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub(crate) required: Option<NodeSelector>,
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    pub(crate) preferred: Vec<PreferredTerm>,
}

/// Of affinity to pods, only whether it is required is read: see `plugins/pod_affinity.rs`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PodAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub(crate) required: Vec<serde::de::IgnoredAny>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SpreadConstraint {
    pub(crate) when_unsatisfiable: Box<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeSelector {
    pub(crate) node_selector_terms: Vec<Term>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PreferredTerm {
    pub(crate) weight: i64,
    pub(crate) preference: Term,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Term {
    pub(crate) match_expressions: Vec<Requirement>,
    pub(crate) match_fields: Vec<Requirement>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Requirement {
    pub(crate) key: Box<str>,
    pub(crate) operator: Box<str>,
    pub(crate) values: Vec<Box<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Toleration {
    pub(crate) key: Box<str>,
    pub(crate) operator: Box<str>,
    pub(crate) value: Box<str>,
    pub(crate) effect: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PodStatus {
    pub(crate) phase: Box<str>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Condition {
    pub(crate) r#type: Box<str>,
    pub(crate) message: Box<str>,
}

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) metadata: Meta,
    pub(crate) spec: NodeSpec,
    pub(crate) status: NodeStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct NodeSpec {
    pub(crate) unschedulable: bool,
    pub(crate) taints: Vec<Taint>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Taint {
    pub(crate) key: Box<str>,
    pub(crate) value: Box<str>,
    pub(crate) effect: Box<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStatus {
    pub(crate) allocatable: Map,
}

/// Something that has metadata.
pub(crate) trait Object: Clone + for<'de> Deserialize<'de> + Send + Sync + 'static {
    /// The object's metadata.
    fn meta(&self) -> &Meta;
}

impl Object for Pod {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Object for Node {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

// === impl Pod ===

impl Pod {
    /// Whether all its containers have ended for good.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.status.phase.as_ref(), "Succeeded" | "Failed")
    }

    /// What it asks for: its containers together or its largest init container, whichever is more, and the overhead.
    pub(crate) fn requests(&self) -> Resources {
        let mut sum = Resources::default();
        for container in &self.spec.containers {
            sum.add(&Resources::read(&container.resources.requests));
        }
        let (mut sidecars, mut init) = (Resources::default(), Resources::default());
        for container in &self.spec.init_containers {
            let mut needed = Resources::read(&container.resources.requests);
            needed.add(&sidecars);
            if container.restart_policy.as_ref() == "Always" {
                sidecars.clone_from(&needed);
            }
            init.raise(&needed);
        }
        sum.add(&sidecars);
        sum.raise(&init);
        let whole = Resources::read(&self.spec.resources.requests);
        if self.spec.resources.requests.contains_key("cpu") {
            sum.cpu_milli = whole.cpu_milli;
        }
        if self.spec.resources.requests.contains_key("memory") {
            sum.memory = whole.memory;
        }
        sum.add(&Resources::read(&self.spec.overhead));
        sum
    }

    /// The ports of the node that it wants for itself.
    pub(crate) fn host_ports(&self) -> impl Iterator<Item = &Port> {
        self.spec.containers.iter().flat_map(|container| &container.ports).filter(|port| port.host_port != 0)
    }
}

// === impl Toleration ===

impl Toleration {
    /// Whether it lets a pod live with `taint`.
    pub(crate) fn tolerates(&self, taint: &Taint) -> bool {
        let effect = self.effect.is_empty() || self.effect == taint.effect;
        let key = self.key.is_empty() || self.key == taint.key;
        let value = match self.operator.as_ref() {
            "Exists" => true,
            "Lt" | "Gt" => compares(&self.operator, &taint.value, &self.value),
            _ => self.value == taint.value,
        };
        effect && key && value
    }
}

/// Whether `value` is less or greater than `bound`, both being whole numbers.
pub(crate) fn compares(operator: &str, value: &str, bound: &str) -> bool {
    match (value.parse::<i64>(), bound.parse::<i64>()) {
        (Ok(value), Ok(bound)) => {
            if operator == "Lt" {
                value < bound
            } else {
                value > bound
            }
        }
        _ => false,
    }
}

/// Reads a resource version. One that is no number counts as 0.
fn revision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    Ok(text.parse().unwrap_or(0))
}
