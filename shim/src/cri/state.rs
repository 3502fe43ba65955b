//! What the service remembers of sandboxes and containers. Their states are derived from what happened when, never
//! stored.

mod container;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use runtime::Group;

pub(super) use self::container::{Container, Ending, Input, Program};
use super::error::Error;
use super::message::{
    ContainerStatus, LinuxPodSandboxStatus, Namespace, PodSandboxConfig, PodSandboxNetworkStatus, PodSandboxState,
    PodSandboxStatus,
};
use super::record::{ContainerRecord, SandboxRecord};
use super::sandbox::HostPorts;

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
    /// None once it was stopped.
    pub(super) host_ports: HostPorts,
    /// In the order in which they were made.
    pub(super) containers: Vec<String>,
}

// === impl State ===

impl State {
    /// What the records of an earlier process say: nothing runs any more.
    pub(super) fn restored(sandboxes: Vec<SandboxRecord>, mut containers: Vec<ContainerRecord>, now: i64) -> Self {
        containers.sort_by_key(|it| it.created_at);
        let mut state = Self::default();
        for record in sandboxes {
            let sandbox = Sandbox::restored(record, now);
            state.sandboxes.insert(sandbox.id.clone(), sandbox);
        }
        for record in containers {
            // One whose sandbox is lost is still told of: its log waits to be removed.
            if let Some(sandbox) = state.sandboxes.get_mut(&record.sandbox_id) {
                sandbox.containers.push(record.id.clone());
            }
            state.containers.insert(record.id.clone(), Container::restored(record, now));
        }
        state
    }

    pub(super) fn sandbox(&self, id: &str) -> Result<&Sandbox, Error> {
        self.sandboxes.get(id).ok_or_else(|| Error::NotFound { kind: "sandbox", id: id.to_owned() })
    }

    pub(super) fn container(&self, id: &str) -> Result<&Container, Error> {
        self.containers.get(id).ok_or_else(|| Error::NotFound { kind: "container", id: id.to_owned() })
    }

    pub(super) fn container_mut(&mut self, id: &str) -> Result<&mut Container, Error> {
        self.containers.get_mut(id).ok_or_else(|| Error::NotFound { kind: "container", id: id.to_owned() })
    }

    /// A sandbox's containers.
    pub(super) fn containers_in(&self, sandbox: &Sandbox) -> impl Iterator<Item = &Container> {
        sandbox.containers.iter().filter_map(|id| self.containers.get(id))
    }

    /// The statuses of a sandbox's containers.
    pub(super) fn statuses_in(&self, sandbox: &Sandbox) -> Vec<ContainerStatus> {
        self.containers_in(sandbox).map(Container::status).collect()
    }
}

// === impl Sandbox ===

impl Sandbox {
    /// What programs share in it.
    pub(super) fn group(id: &str, ip: Ipv4Addr, config: &PodSandboxConfig) -> Arc<Group> {
        Arc::new(Group {
            id: id.to_owned(),
            ip: IpAddr::from(ip),
            namespace: config.metadata.as_ref().map(|it| it.namespace.clone()).unwrap_or_default(),
            hostname: config.hostname.clone(),
        })
    }

    fn restored(record: SandboxRecord, now: i64) -> Self {
        let config = record.config.unwrap_or_default();
        let ip = record.ip.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
        Self {
            group: Self::group(&record.id, ip, &config),
            id: record.id,
            config,
            handler: record.handler,
            ip,
            created_at: record.created_at,
            stopped_at: now,
            host_ports: None,
            containers: Vec::new(),
        }
    }

    pub(super) fn record(&self) -> SandboxRecord {
        SandboxRecord {
            id: self.id.clone(),
            config: Some(self.config.clone()),
            handler: self.handler.clone(),
            ip: self.ip.to_string(),
            created_at: self.created_at,
        }
    }

    pub(super) fn state(&self) -> PodSandboxState {
        if self.stopped_at == 0 { PodSandboxState::SandboxReady } else { PodSandboxState::SandboxNotready }
    }

    pub(super) fn status(&self) -> PodSandboxStatus {
        // The address of one that was stopped may be another's by now.
        let ip = if self.stopped_at == 0 { self.ip.to_string() } else { String::new() };
        let linux = self.config.linux.as_deref();
        let namespaces = linux.and_then(|it| it.security_context.as_ref()).and_then(|it| it.namespace_options.clone());
        PodSandboxStatus {
            id: self.id.clone(),
            metadata: self.config.metadata.clone(),
            state: self.state().into(),
            created_at: self.created_at,
            network: Some(PodSandboxNetworkStatus { ip, additional_ips: Vec::new() }),
            linux: linux.map(|_| LinuxPodSandboxStatus {
                namespaces: Some(Namespace { options: Some(namespaces.unwrap_or_default()) }),
            }),
            labels: self.config.labels.clone(),
            annotations: self.config.annotations.clone(),
            runtime_handler: self.handler.clone(),
        }
    }
}

/// Whether `labels` has all of `selector`.
pub(super) fn selects(selector: &HashMap<String, String>, labels: &HashMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
