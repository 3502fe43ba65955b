//! The Node object and its Lease: what this machine is, and that it lives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{
    Node, NodeAddress, NodeCondition, NodeRuntimeHandler, NodeRuntimeHandlerFeatures, NodeSpec, NodeStatus,
    NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference, Time};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::Agent;
use super::admit::Requests;
use crate::cri::message::{RuntimeHandler, StatusRequest, StatusResponse};

/// What this node says it is: the version of the Kubernetes API whose kubelet it stands for, and ours.
const KUBELET_VERSION: &str = concat!("v1.37.2+coracle-", env!("CARGO_PKG_VERSION"));
/// Pods on one node, unless the runtime has room for fewer.
const PODS_MAX: usize = 10_000;
/// How often the status is written though nothing has changed.
const STATUS_PERIOD: Duration = Duration::from_secs(300);
/// How long to wait before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often the lease is renewed, and how long it lasts.
const LEASE_RENEW: Duration = Duration::from_secs(10);
const LEASE_SECONDS: i32 = 40;
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// What this machine is.
#[derive(Debug)]
pub(crate) struct Machine {
    /// What it has for pods.
    pub(crate) capacity: Requests,
    /// The labels of the node.
    pub(crate) labels: BTreeMap<String, String>,
    info: NodeSystemInfo,
}

// === impl Machine ===

impl Machine {
    /// Looks at this machine, on which so many programs can run.
    pub(crate) fn read(node_name: &str, programs_max: usize) -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let row = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            capacity: Requests {
                cpu_millis: i128::try_from(cores).unwrap_or(1) * 1000,
                memory_bytes: i128::from(memory_bytes()),
                pods: i128::try_from(programs_max.min(PODS_MAX)).unwrap_or(0),
            },
            labels: [
                row("beta.kubernetes.io/arch", architecture),
                row("beta.kubernetes.io/os", "linux"),
                row("kubernetes.io/arch", architecture),
                row("kubernetes.io/hostname", node_name),
                row("kubernetes.io/os", "linux"),
            ]
            .into(),
            info: info(architecture),
        }
    }
}

/// Registers the node and keeps its status fresh.
pub(crate) async fn run(agent: Arc<Agent>) {
    let name = &agent.config.node_name;
    agent.recorder.node(name, None, "Starting", "Starting kubelet.");
    for reason in ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"] {
        agent.recorder.node(name, None, reason, &format!("Node {name} status is now: {reason}"));
    }
    let mut told = false;
    loop {
        match write(&agent).await {
            Ok(node) => {
                if !told {
                    let message = format!("Node {name} status is now: NodeReady");
                    agent.recorder.node(name, node.metadata.uid, "NodeReady", &message);
                    told = true;
                }
                tokio::time::sleep(STATUS_PERIOD).await;
            }
            Err(err) => {
                tracing::warn!(%err, "could not write the node");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Writes the node: as a new object, or its labels and status.
async fn write(agent: &Agent) -> Result<Node, kube::Error> {
    let api: Api<Node> = Api::all(agent.client.clone());
    let name = &agent.config.node_name;
    let cidr = agent.config.pod_cidr.to_string();
    let before = api.get_opt(name).await?;
    if before.is_none() {
        let node = Node {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                labels: Some(agent.machine.labels.clone()),
                ..Default::default()
            },
            spec: Some(NodeSpec { pod_cidr: Some(cidr.clone()), pod_cidrs: Some(vec![cidr]), ..Default::default() }),
            status: None,
        };
        api.create(&PostParams::default(), &node).await?;
    } else {
        let labels = json!({"metadata": {"labels": agent.machine.labels}});
        api.patch(name, &PatchParams::default(), &Patch::Merge(labels)).await?;
    }
    let runtime = agent.cri.status(StatusRequest::default()).await.unwrap_or_default();
    let status =
        NodeStatus { runtime_handlers: Some(handlers(runtime)), ..status(agent, before.as_ref(), Timestamp::now()) };
    api.patch_status(name, &PatchParams::default(), &Patch::Strategic(json!({"status": status}))).await
}

fn status(agent: &Agent, before: Option<&Node>, now: Timestamp) -> NodeStatus {
    let Requests { cpu_millis, memory_bytes, pods } = agent.machine.capacity;
    let quantities: BTreeMap<String, Quantity> = [
        ("cpu", (cpu_millis / 1000).to_string()),
        ("memory", format!("{}Ki", memory_bytes / 1024)),
        ("pods", pods.to_string()),
        ("ephemeral-storage", format!("{}Ki", storage_bytes(&agent.config.data_dir) / 1024)),
        ("hugepages-1Gi", "0".to_owned()),
        ("hugepages-2Mi", "0".to_owned()),
    ]
    .map(|(name, amount)| (name.to_owned(), Quantity(amount)))
    .into();
    let address = |type_: &str, address: String| NodeAddress { type_: type_.to_owned(), address };
    NodeStatus {
        addresses: Some(vec![
            address("InternalIP", agent.config.host_ip.to_string()),
            address("Hostname", agent.config.node_name.clone()),
        ]),
        allocatable: Some(quantities.clone()),
        capacity: Some(quantities),
        conditions: Some(conditions(before, now)),
        node_info: Some(agent.machine.info.clone()),
        ..Default::default()
    }
}

/// What a RuntimeClass can name, as the runtime says.
fn handlers(runtime: StatusResponse) -> Vec<NodeRuntimeHandler> {
    let handler = |it: RuntimeHandler| NodeRuntimeHandler {
        name: Some(it.name),
        features: it.features.map(|it| NodeRuntimeHandlerFeatures {
            recursive_read_only_mounts: Some(it.recursive_read_only_mounts),
            user_namespaces: Some(it.user_namespaces),
        }),
    };
    runtime.runtime_handlers.into_iter().map(handler).collect()
}

fn conditions(before: Option<&Node>, now: Timestamp) -> Vec<NodeCondition> {
    let rows = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ];
    let known = before.and_then(|it| it.status.as_ref()).and_then(|it| it.conditions.as_ref());
    let row = |(type_, status, reason, message): (&str, &str, &str, &str)| {
        let same = known.into_iter().flatten().find(|it| it.type_ == type_ && it.status == status);
        NodeCondition {
            last_heartbeat_time: Some(Time(now)),
            last_transition_time: same.and_then(|it| it.last_transition_time.clone()).or(Some(Time(now))),
            message: Some(message.to_owned()),
            reason: Some(reason.to_owned()),
            status: status.to_owned(),
            type_: type_.to_owned(),
        }
    };
    rows.map(row).into()
}

/// Renews the node's lease for as long as the agent lives.
pub(crate) async fn renew_lease(agent: Arc<Agent>) {
    loop {
        let rest = match renew_once(&agent).await {
            Ok(()) => LEASE_RENEW,
            Err(err) => {
                tracing::warn!(%err, "could not renew the node's lease");
                RETRY
            }
        };
        tokio::time::sleep(rest).await;
    }
}

async fn renew_once(agent: &Agent) -> Result<(), kube::Error> {
    let api: Api<Lease> = Api::namespaced(agent.client.clone(), LEASE_NAMESPACE);
    let name = &agent.config.node_name;
    let renewed = json!({"spec": {"renewTime": MicroTime(Timestamp::now())}});
    match api.patch(name, &PatchParams::default(), &Patch::Merge(renewed)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        written => return written.map(drop),
    }
    let node = Api::<Node>::all(agent.client.clone()).get_opt(name).await?;
    let owner = node.and_then(|it| it.metadata.uid).map(|uid| OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: name.clone(),
        uid,
        ..Default::default()
    });
    let lease = Lease {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(LEASE_NAMESPACE.to_owned()),
            owner_references: owner.map(|it| vec![it]),
            ..Default::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name.clone()),
            lease_duration_seconds: Some(LEASE_SECONDS),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..Default::default()
        }),
    };
    api.create(&PostParams::default(), &lease).await.map(drop)
}

fn info(architecture: &str) -> NodeSystemInfo {
    let machine_id = line("/etc/machine-id");
    let system_uuid = line("/sys/class/dmi/id/product_uuid");
    NodeSystemInfo {
        architecture: architecture.to_owned(),
        boot_id: line("/proc/sys/kernel/random/boot_id"),
        container_runtime_version: concat!("coracle://", env!("CARGO_PKG_VERSION")).to_owned(),
        kernel_version: line("/proc/sys/kernel/osrelease"),
        kubelet_version: KUBELET_VERSION.to_owned(),
        operating_system: "linux".to_owned(),
        os_image: os_image(),
        system_uuid: if system_uuid.is_empty() { machine_id.clone() } else { system_uuid },
        machine_id,
        ..Default::default()
    }
}

/// A file of one line; nothing if it cannot be read.
fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn os_image() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|it| it.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |it| it.trim_matches('"').to_owned())
}

/// What the disk below a directory holds, in bytes; nothing if it cannot be asked.
fn storage_bytes(dir: &Path) -> u64 {
    rustix::fs::statvfs(dir).map_or(0, |it| it.f_blocks.saturating_mul(it.f_frsize))
}

/// Memory of this machine in bytes.
pub(crate) fn memory_bytes() -> u64 {
    memory_field("MemTotal:")
}

/// Memory that could be had now, in bytes.
pub(crate) fn memory_available_bytes() -> u64 {
    memory_field("MemAvailable:")
}

fn memory_field(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let value = text.lines().find_map(|it| it.strip_prefix(name));
    let kib = value.and_then(|it| it.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
