//! A pod as controllers see it.

use serde::{Deserialize, Deserializer};

use crate::{
    api::Resource,
    clock::Time,
    kinds,
    meta::Meta,
    watch::{Object, View},
};

/// A pod: where it runs, how it does, and what a Service needs to reach it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pod {
    pub(crate) metadata: Meta,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Spec {
    pub(crate) node_name: Box<str>,
    pub(crate) hostname: Box<str>,
    pub(crate) subdomain: Box<str>,
    pub(crate) containers: Box<[Container]>,
    /// The one node that its affinity names, as pods of DaemonSets have it.
    #[serde(rename = "affinity", deserialize_with = "pinned")]
    pub(crate) pinned_to: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Container {
    pub(crate) ports: Box<[Port]>,
}

/// A port that a container names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Port {
    pub(crate) name: Box<str>,
    pub(crate) container_port: u16,
    pub(crate) protocol: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) phase: Phase,
    #[serde(rename = "conditions", deserialize_with = "ready")]
    pub(crate) ready: Option<Ready>,
    #[serde(rename = "podIPs")]
    pub(crate) pod_ips: Box<[PodIp]>,
    #[serde(rename = "containerStatuses", deserialize_with = "containers")]
    pub(crate) containers: Containers,
}

/// What the containers of a pod add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Containers {
    /// The most restarts of any of them.
    pub(crate) restarts: i64,
    /// The restarts of all of them.
    pub(crate) restarts_total: i64,
    /// When the last of them ended.
    pub(crate) finished_at: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct PodIp {
    pub(crate) ip: Box<str>,
}

/// The condition `Ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) is_true: bool,
    pub(crate) since: Option<Time>,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Phase {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
    #[serde(other)]
    Unknown,
}

// === impl Pod ===

impl Pod {
    /// The node that it is on, or that it can only be on.
    pub(crate) fn node(&self) -> &str {
        if self.spec.node_name.is_empty() { &self.spec.pinned_to } else { &self.spec.node_name }
    }

    /// Whether all its containers have ended for good.
    pub(crate) fn is_terminal(&self) -> bool {
        match self.status.phase {
            Phase::Succeeded | Phase::Failed => true,
            Phase::Pending | Phase::Running | Phase::Unknown => false,
        }
    }

    /// Whether it counts for its controller: neither ended nor going.
    pub(crate) fn is_active(&self) -> bool {
        !self.is_terminal() && !self.metadata.is_deleting()
    }

    /// Whether it is going but still holds its place.
    pub(crate) fn is_terminating(&self) -> bool {
        !self.is_terminal() && self.metadata.is_deleting()
    }

    /// Whether its condition `Ready` is true.
    pub(crate) fn is_ready(&self) -> bool {
        self.status.ready.is_some_and(|ready| ready.is_true)
    }

    /// When it is or was available, having been ready for `min_ready_seconds`; `None` if it is not ready.
    pub(crate) fn available_at(&self, min_ready_seconds: i64) -> Option<Time> {
        let ready = self.status.ready.filter(|ready| ready.is_true)?;
        match (min_ready_seconds, ready.since) {
            (0, since) => Some(since.unwrap_or_default()),
            (seconds, since) => Some(since?.plus(seconds)),
        }
    }
}

impl Object for Pod {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.metadata
    }
}

impl View for Pod {
    const RESOURCE: &'static Resource = &kinds::PODS;
}

/// Of affinity, only the one name of a node is kept that the controller of DaemonSets writes.
fn pinned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    let affinity = Option::<serde_json::Value>::deserialize(deserializer)?.unwrap_or_default();
    let required = &affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let field = &required["nodeSelectorTerms"][0]["matchFields"][0];
    let name = field["values"][0].as_str().filter(|_| field["key"] == "metadata.name" && field["operator"] == "In");
    Ok(name.unwrap_or_default().into())
}

/// Of all conditions, only `Ready` is kept.
fn ready<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Ready>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Condition {
        r#type: Box<str>,
        status: Box<str>,
        #[serde(default)]
        last_transition_time: Option<Time>,
    }
    let conditions = Option::<Vec<Condition>>::deserialize(deserializer)?.unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition.r#type.as_ref() == "Ready");
    Ok(ready.map(|ready| Ready { is_true: ready.status.as_ref() == "True", since: ready.last_transition_time }))
}

/// Of all that container statuses say, restarts and the end are kept.
fn containers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Containers, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct ContainerStatus {
        restart_count: i64,
        state: State,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct State {
        terminated: Option<Terminated>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Terminated {
        finished_at: Option<Time>,
    }
    let statuses = Option::<Vec<ContainerStatus>>::deserialize(deserializer)?.unwrap_or_default();
    let restarts = statuses.iter().map(|status| status.restart_count).max().unwrap_or(0);
    let ends = statuses.iter().filter_map(|status| status.state.terminated.as_ref()?.finished_at);
    let restarts_total = statuses.iter().map(|status| status.restart_count).sum();
    Ok(Containers { restarts, restarts_total, finished_at: ends.max() })
}
