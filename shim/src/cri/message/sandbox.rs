//! Sandboxes: what the containers of one pod share.

use std::collections::HashMap;

use super::ContainerStatus;

/// Which pod a sandbox is for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxMetadata {
    /// The pod's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The pod's uid.
    #[prost(string, tag = "2")]
    pub uid: String,
    /// The pod's namespace.
    #[prost(string, tag = "3")]
    pub namespace: String,
    /// How many sandboxes the pod had before.
    #[prost(uint32, tag = "4")]
    pub attempt: u32,
}

/// What a sandbox shall be.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxConfig {
    /// Which pod it is for.
    #[prost(message, optional, tag = "1")]
    pub metadata: Option<PodSandboxMetadata>,
    /// What its programs see as the host's name.
    #[prost(string, tag = "2")]
    pub hostname: String,
    /// The directory of its containers' logs, on the host.
    #[prost(string, tag = "3")]
    pub log_directory: String,
    /// Kept and given back unaltered.
    #[prost(map = "string, string", tag = "6")]
    pub labels: HashMap<String, String>,
    /// Kept and given back unaltered.
    #[prost(map = "string, string", tag = "7")]
    pub annotations: HashMap<String, String>,
    /// What only makes sense on Linux.
    #[prost(message, optional, tag = "8")]
    pub linux: Option<LinuxPodSandboxConfig>,
}

/// What of a sandbox only makes sense on Linux.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxPodSandboxConfig {
    /// Which namespaces of the host it shares.
    #[prost(message, optional, tag = "2")]
    pub security_context: Option<LinuxSandboxSecurityContext>,
    /// Kernel parameters.
    #[prost(map = "string, string", tag = "3")]
    pub sysctls: HashMap<String, String>,
}

/// How a sandbox is set apart from the host.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxSandboxSecurityContext {
    /// Which namespaces of the host it shares.
    #[prost(message, optional, tag = "1")]
    pub namespace_options: Option<NamespaceOption>,
    /// It may do anything on the host.
    #[prost(bool, tag = "6")]
    pub privileged: bool,
}

/// Whose namespaces a sandbox uses.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NamespaceOption {
    /// Network.
    #[prost(enumeration = "NamespaceMode", tag = "1")]
    pub network: i32,
    /// Process ids.
    #[prost(enumeration = "NamespaceMode", tag = "2")]
    pub pid: i32,
    /// Inter-process communication.
    #[prost(enumeration = "NamespaceMode", tag = "3")]
    pub ipc: i32,
}

/// Whose a namespace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum NamespaceMode {
    /// The pod's.
    Pod = 0,
    /// The container's own.
    Container = 1,
    /// The host's.
    Node = 2,
    /// Another container's.
    Target = 3,
}

/// Asks for a sandbox that is ready.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RunPodSandboxRequest {
    /// What it shall be.
    #[prost(message, optional, tag = "1")]
    pub config: Option<PodSandboxConfig>,
    /// The runtime class; empty is the default.
    #[prost(string, tag = "2")]
    pub runtime_handler: String,
}

/// Its id.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RunPodSandboxResponse {
    /// The new sandbox's id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// Asks to end what runs in a sandbox and to free its address.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StopPodSandboxRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// Nothing to say.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StopPodSandboxResponse {}

/// Asks to forget a sandbox and its containers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemovePodSandboxRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// Nothing to say.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemovePodSandboxResponse {}

/// Asks how a sandbox is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxStatusRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
    /// Ask for `info` too.
    #[prost(bool, tag = "2")]
    pub verbose: bool,
}

/// How a sandbox is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxStatusResponse {
    /// Its status.
    #[prost(message, optional, tag = "1")]
    pub status: Option<PodSandboxStatus>,
    /// More, for people.
    #[prost(map = "string, string", tag = "2")]
    pub info: HashMap<String, String>,
    /// Its containers.
    #[prost(message, repeated, tag = "3")]
    pub containers_statuses: Vec<ContainerStatus>,
    /// When this was true, in nanoseconds.
    #[prost(int64, tag = "4")]
    pub timestamp: i64,
}

/// The status of a sandbox.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxStatus {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Which pod it is for.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<PodSandboxMetadata>,
    /// Whether it is ready.
    #[prost(enumeration = "PodSandboxState", tag = "3")]
    pub state: i32,
    /// When it was made, in nanoseconds.
    #[prost(int64, tag = "4")]
    pub created_at: i64,
    /// Its addresses.
    #[prost(message, optional, tag = "5")]
    pub network: Option<PodSandboxNetworkStatus>,
    /// As given.
    #[prost(map = "string, string", tag = "7")]
    pub labels: HashMap<String, String>,
    /// As given.
    #[prost(map = "string, string", tag = "8")]
    pub annotations: HashMap<String, String>,
    /// The runtime class.
    #[prost(string, tag = "9")]
    pub runtime_handler: String,
}

/// The addresses of a sandbox.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxNetworkStatus {
    /// The first.
    #[prost(string, tag = "1")]
    pub ip: String,
    /// Those of other families.
    #[prost(message, repeated, tag = "2")]
    pub additional_ips: Vec<PodIp>,
}

/// An address.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodIp {
    /// In text.
    #[prost(string, tag = "1")]
    pub ip: String,
}

/// Whether a sandbox is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PodSandboxState {
    /// Containers can start in it.
    SandboxReady = 0,
    /// It was stopped.
    SandboxNotready = 1,
}

/// A state to look for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxStateValue {
    /// The state.
    #[prost(enumeration = "PodSandboxState", tag = "1")]
    pub state: i32,
}

/// Which sandboxes to list; what is unset matches all.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxFilter {
    /// The id, or its beginning.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The state.
    #[prost(message, optional, tag = "2")]
    pub state: Option<PodSandboxStateValue>,
    /// Labels that it must have.
    #[prost(map = "string, string", tag = "3")]
    pub label_selector: HashMap<String, String>,
}

/// Asks for sandboxes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListPodSandboxRequest {
    /// Which ones.
    #[prost(message, optional, tag = "1")]
    pub filter: Option<PodSandboxFilter>,
}

/// Sandboxes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListPodSandboxResponse {
    /// Those that match.
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<PodSandbox>,
}

/// A sandbox in a list.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandbox {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Which pod it is for.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<PodSandboxMetadata>,
    /// Whether it is ready.
    #[prost(enumeration = "PodSandboxState", tag = "3")]
    pub state: i32,
    /// When it was made, in nanoseconds.
    #[prost(int64, tag = "4")]
    pub created_at: i64,
    /// As given.
    #[prost(map = "string, string", tag = "5")]
    pub labels: HashMap<String, String>,
    /// As given.
    #[prost(map = "string, string", tag = "6")]
    pub annotations: HashMap<String, String>,
    /// The runtime class.
    #[prost(string, tag = "7")]
    pub runtime_handler: String,
}
