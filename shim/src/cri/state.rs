//! What the service remembers of sandboxes and containers. Their states are derived from what happened when, never
//! stored.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use runtime::{ExitReason, Group, Instance, Spec};

use super::error::Error;
use super::message::{
    ContainerMetadata, ContainerResources, ContainerState, ContainerStatus, ImageSpec, LinuxContainerResources, Mount,
    PodSandboxConfig, PodSandboxNetworkStatus, PodSandboxState, PodSandboxStatus,
};

/// All sandboxes and containers, by id.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) sandboxes: HashMap<String, Sandbox>,
    pub(super) containers: HashMap<String, Container>,
}

/// One sandbox.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) id: String,
    pub(super) config: PodSandboxConfig,
    pub(super) handler: String,
    pub(super) ip: Ipv4Addr,
    pub(super) group: Arc<Group>,
    pub(super) created_at: i64,
    /// 0 while it is ready.
    pub(super) stopped_at: i64,
    /// In the order in which they were made.
    pub(super) containers: Vec<String>,
}

/// One container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) sandbox_id: String,
    pub(super) metadata: ContainerMetadata,
    pub(super) image: ImageSpec,
    pub(super) image_id: String,
    pub(super) labels: HashMap<String, String>,
    pub(super) annotations: HashMap<String, String>,
    pub(super) mounts: Vec<Mount>,
    pub(super) log_path: PathBuf,
    pub(super) resources: LinuxContainerResources,
    pub(super) created_at: i64,
    pub(super) started_at: i64,
    pub(super) finished_at: i64,
    pub(super) exit_code: i32,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) program: Program,
}

/// What there is of a container's program.
#[derive(Debug)]
pub(super) enum Program {
    /// What to start.
    Ready(Box<Spec>),
    /// `StartContainer` is at it.
    Starting,
    /// It started; it may have ended since.
    Started(Instance),
    /// It never started.
    Failed,
}

// === impl State ===

impl State {
    pub(super) fn sandbox(&self, id: &str) -> Result<&Sandbox, Error> {
        self.sandboxes.get(id).ok_or_else(|| Error::NotFound { kind: "sandbox", id: id.to_owned() })
    }

    pub(super) fn container(&self, id: &str) -> Result<&Container, Error> {
        self.containers.get(id).ok_or_else(|| Error::NotFound { kind: "container", id: id.to_owned() })
    }

    /// The statuses of a sandbox's containers.
    pub(super) fn statuses_in(&self, sandbox: &Sandbox) -> Vec<ContainerStatus> {
        sandbox.containers.iter().filter_map(|id| self.containers.get(id)).map(Container::status).collect()
    }
}

// === impl Sandbox ===

impl Sandbox {
    pub(super) fn state(&self) -> PodSandboxState {
        if self.stopped_at == 0 { PodSandboxState::SandboxReady } else { PodSandboxState::SandboxNotready }
    }

    pub(super) fn status(&self) -> PodSandboxStatus {
        PodSandboxStatus {
            id: self.id.clone(),
            metadata: self.config.metadata.clone(),
            state: self.state().into(),
            created_at: self.created_at,
            network: Some(PodSandboxNetworkStatus { ip: self.ip.to_string(), additional_ips: Vec::new() }),
            labels: self.config.labels.clone(),
            annotations: self.config.annotations.clone(),
            runtime_handler: self.handler.clone(),
        }
    }
}

// === impl Container ===

impl Container {
    pub(super) fn state(&self) -> ContainerState {
        match (self.started_at, self.finished_at) {
            (_, finished) if finished != 0 => ContainerState::ContainerExited,
            (0, _) => ContainerState::ContainerCreated,
            (_, _) => ContainerState::ContainerRunning,
        }
    }

    /// Notes how it ended.
    pub(super) fn finish(&mut self, exit: &runtime::Exit, now: i64) {
        self.finished_at = now;
        self.exit_code = exit.code;
        self.reason = reason(exit);
        self.message.clone_from(&exit.message);
    }

    pub(super) fn status(&self) -> ContainerStatus {
        ContainerStatus {
            id: self.id.clone(),
            metadata: Some(self.metadata.clone()),
            state: self.state().into(),
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            exit_code: self.exit_code,
            image: Some(self.image.clone()),
            image_ref: self.image_id.clone(),
            reason: self.reason.to_owned(),
            message: self.message.clone(),
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            mounts: self.mounts.clone(),
            log_path: self.log_path.display().to_string(),
            resources: Some(ContainerResources { linux: Some(self.resources.clone()) }),
            image_id: self.image_id.clone(),
        }
    }
}

/// CRI's word for how a program ended.
fn reason(exit: &runtime::Exit) -> &'static str {
    match (exit.reason, exit.code) {
        (ExitReason::OutOfMemory, _) => "OOMKilled",
        (ExitReason::Completed | ExitReason::Stopped, 0) => "Completed",
        (ExitReason::Completed | ExitReason::Stopped | ExitReason::Error, _) => "Error",
    }
}

/// Whether `labels` has all of `selector`.
pub(super) fn selects(selector: &HashMap<String, String>, labels: &HashMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
