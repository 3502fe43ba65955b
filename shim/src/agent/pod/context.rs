//! What a step is about: a pod, or one of its containers. Every step needs it and none changes it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};

use super::phase::Which;
use crate::agent::Agent;
use crate::agent::pods::PodEntry;
use crate::agent::recorder::EventType;

/// The pod that a step is about.
#[derive(Clone, Copy)]
pub(super) struct PodContext<'a> {
    /// The node's agent.
    pub(super) agent: &'a Arc<Agent>,
    /// Where news of the pod arrives.
    pub(super) entry: &'a Arc<PodEntry>,
    /// The pod as it was when the step was chosen.
    pub(super) pod: &'a Pod,
}

/// The container that a step is about.
#[derive(Clone, Copy)]
pub(super) struct ContainerContext<'a> {
    /// Its pod.
    pub(super) pod: PodContext<'a>,
    /// Its place in the pod.
    pub(super) which: Which,
    /// What the pod says of it.
    pub(super) container: &'a Container,
}

// === impl PodContext ===

impl<'a> PodContext<'a> {
    /// One of its containers.
    pub(super) fn container(self, which: Which) -> Option<ContainerContext<'a>> {
        let spec = self.pod.spec.as_ref()?;
        let container = match which {
            Which::Init(index) => spec.init_containers.as_ref()?.get(index)?,
            Which::Main(index) => spec.containers.get(index)?,
        };
        Some(ContainerContext { pod: self, which, container })
    }

    /// Tells an event of the pod.
    pub(super) fn tell(self, level: EventType, reason: &str, message: &str) {
        self.agent.recorder.pod(self.pod, None, level, reason, message);
    }
}

// === impl ContainerContext ===

impl ContainerContext<'_> {
    /// Tells an event of the container.
    pub(super) fn tell(self, level: EventType, reason: &str, message: &str) {
        let name = &self.container.name;
        let path = match self.which {
            Which::Init(_) => format!("spec.initContainers{{{name}}}"),
            Which::Main(_) => format!("spec.containers{{{name}}}"),
        };
        self.pod.agent.recorder.pod(self.pod.pod, Some(path), level, reason, message);
    }
}
