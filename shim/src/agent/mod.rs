//! The agent: does a kubelet's job for the pods of one node.
//!
//! # Flow
//! `Driver::run` is the one loop: it hears of pods from the API server and of containers from CRI, and wakes the worker
//! of the pod concerned, which `supervise` keeps at work. Beside it run the node's heartbeat (`node`), the table of Services (`services`), the host's way
//! to them (`proxy`), what volumes show (`versions`) and the events (`recorder`). `serve` answers what the API server asks a kubelet.

mod access;
mod admit;
mod affinity;
mod config;
mod logs;
pub mod network;
mod node;
mod pod;
mod pods;
mod proxy;
mod recorder;
mod run;
mod serve;
mod services;
mod supervise;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use runtime::Runtime;

pub use config::{Config, VOLUME_REFRESH};
pub use run::Driver;

use crate::cri::files::FileSets;
use crate::cri::{Cri, Service};
use access::Access;
use node::Machine;
use pod::downward::Facts;
use pods::Pods;
use recorder::Recorder;
use services::Services;
use versions::Versions;

/// What the parts of the agent share.
pub struct Agent {
    access: Access,
    config: Config,
    client: Client,
    cri: Arc<dyn Cri>,
    /// The same, for whoever serves it and streams beside it.
    service: Arc<Service>,
    files: Arc<FileSets>,
    machine: Machine,
    pods: Pods,
    recorder: Recorder,
    services: Services,
    versions: Versions,
}

// === impl Agent ===

impl Agent {
    /// An agent and what drives it. The client is the node's: it may do what a kubelet may.
    pub fn new(config: Config, client: Client, runtime: Arc<Runtime>) -> (Arc<Self>, Driver) {
        let service = Service::new(Arc::clone(&runtime), config.pod_cidr.network, config.pod_cidr.prefix_len);
        let (recorder, writer) = recorder::channel(client.clone(), config.node_name.clone());
        let agent = Arc::new(Self {
            access: Access::open(&config.data_dir),
            machine: Machine::read(&config.node_name, runtime.programs_max()),
            files: Arc::clone(service.files()),
            cri: service.clone(),
            service,
            client,
            config,
            pods: Pods::default(),
            recorder,
            services: Services::default(),
            versions: Versions::default(),
        });
        let driver = Driver::new(Arc::clone(&agent), runtime, writer);
        (agent, driver)
    }

    /// The kubelet's HTTP API: logs, pods, stats, health. It opens no port; the caller serves it where it wants.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        serve::router(Arc::clone(self))
    }

    /// What runs the pods, for whoever serves it on a socket.
    pub fn cri(&self) -> Arc<Service> {
        Arc::clone(&self.service)
    }

    /// What a pod may know of this node.
    fn facts(&self, pod_ip: Option<&str>) -> Facts {
        Facts {
            host_ip: self.config.host_ip.to_string(),
            pod_ip: pod_ip.map(str::to_owned),
            cpu_millis: self.machine.capacity.cpu_millis,
            memory_bytes: self.machine.capacity.memory_bytes,
        }
    }

    /// Where the logs of a pod are: the name is the kubelet's, so that log collectors find them.
    fn log_dir(&self, pod: &Pod) -> PathBuf {
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        let meta = &pod.metadata;
        let name = format!("{}_{}_{}", text(&meta.namespace), text(&meta.name), text(&meta.uid));
        self.logs_dir().join(name)
    }

    fn logs_dir(&self) -> PathBuf {
        self.config.data_dir.join("logs").join("pods")
    }

    /// Where a pod's volumes and termination messages are.
    fn pod_dir(&self, uid: &str) -> PathBuf {
        self.pods_dir().join(uid)
    }

    fn pods_dir(&self) -> PathBuf {
        self.config.data_dir.join("pods")
    }
}
