//! Containers: programs in a sandbox.

use std::collections::HashMap;

use super::{ImageSpec, PodSandboxConfig, PodSandboxStatus, UInt64Value};

/// Which container of its pod, and which run of it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerMetadata {
    /// Its name in the pod.
    #[prost(string, tag = "1")]
    pub name: String,
    /// How many there were before.
    #[prost(uint32, tag = "2")]
    pub attempt: u32,
}

/// An environment variable.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Bytes since v0.36.3: a string here would make one odd value refuse the whole request.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// A directory or file of the host in a container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Mount {
    /// Where the program sees it.
    #[prost(string, tag = "1")]
    pub container_path: String,
    /// Where it is on the host.
    #[prost(string, tag = "2")]
    pub host_path: String,
    /// It cannot be written.
    #[prost(bool, tag = "3")]
    pub readonly: bool,
}

/// What a container may use.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxContainerResources {
    /// The period that `cpu_quota` counts for, in microseconds.
    #[prost(int64, tag = "1")]
    pub cpu_period: i64,
    /// CPU time in a period, in microseconds; 0 is no limit.
    #[prost(int64, tag = "2")]
    pub cpu_quota: i64,
    /// Share under contention.
    #[prost(int64, tag = "3")]
    pub cpu_shares: i64,
    /// 0 is no limit.
    #[prost(int64, tag = "4")]
    pub memory_limit_in_bytes: i64,
}

/// What a container shall be.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerConfig {
    /// Its name and run.
    #[prost(message, optional, tag = "1")]
    pub metadata: Option<ContainerMetadata>,
    /// Its image, by id.
    #[prost(message, optional, tag = "2")]
    pub image: Option<ImageSpec>,
    /// The first words of argv.
    #[prost(string, repeated, tag = "3")]
    pub command: Vec<String>,
    /// The rest of argv.
    #[prost(string, repeated, tag = "4")]
    pub args: Vec<String>,
    /// Where it starts.
    #[prost(string, tag = "5")]
    pub working_dir: String,
    /// Its environment, in order.
    #[prost(message, repeated, tag = "6")]
    pub envs: Vec<KeyValue>,
    /// Its files.
    #[prost(message, repeated, tag = "7")]
    pub mounts: Vec<Mount>,
    /// Kept and given back unaltered.
    #[prost(map = "string, string", tag = "9")]
    pub labels: HashMap<String, String>,
    /// Kept and given back unaltered.
    #[prost(map = "string, string", tag = "10")]
    pub annotations: HashMap<String, String>,
    /// Its log, relative to the sandbox's log directory.
    #[prost(string, tag = "11")]
    pub log_path: String,
    /// Its standard input can be attached to.
    #[prost(bool, tag = "12")]
    pub stdin: bool,
    /// It has a terminal.
    #[prost(bool, tag = "14")]
    pub tty: bool,
    /// What only makes sense on Linux.
    #[prost(message, optional, tag = "15")]
    pub linux: Option<LinuxContainerConfig>,
}

/// What of a container only makes sense on Linux.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxContainerConfig {
    /// What it may use.
    #[prost(message, optional, tag = "1")]
    pub resources: Option<LinuxContainerResources>,
    /// How it is set apart.
    #[prost(message, optional, tag = "2")]
    pub security_context: Option<LinuxContainerSecurityContext>,
}

/// How a container is set apart from the host.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxContainerSecurityContext {
    /// It may do anything on the host.
    #[prost(bool, tag = "2")]
    pub privileged: bool,
}

/// Asks to make a container, without starting it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateContainerRequest {
    /// The sandbox it belongs to.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
    /// What it shall be.
    #[prost(message, optional, tag = "2")]
    pub config: Option<ContainerConfig>,
    /// The sandbox's own config, once more.
    #[prost(message, optional, tag = "3")]
    pub sandbox_config: Option<PodSandboxConfig>,
}

/// Its id.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateContainerResponse {
    /// The new container's id.
    #[prost(string, tag = "1")]
    pub container_id: String,
}

/// Asks to start a container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StartContainerRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub container_id: String,
}

/// Nothing to say.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StartContainerResponse {}

/// Asks to end a container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StopContainerRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub container_id: String,
    /// Seconds it has to end by itself; 0 kills it now.
    #[prost(int64, tag = "2")]
    pub timeout: i64,
}

/// Nothing to say.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StopContainerResponse {}

/// Asks to forget a container and its log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemoveContainerRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub container_id: String,
}

/// Nothing to say.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemoveContainerResponse {}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ContainerState {
    /// Made, not started.
    ContainerCreated = 0,
    /// Running.
    ContainerRunning = 1,
    /// Ended.
    ContainerExited = 2,
    /// Nobody knows.
    ContainerUnknown = 3,
}

/// A state to look for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStateValue {
    /// The state.
    #[prost(enumeration = "ContainerState", tag = "1")]
    pub state: i32,
}

/// Which containers to list; what is unset matches all.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerFilter {
    /// The id, or its beginning.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The state.
    #[prost(message, optional, tag = "2")]
    pub state: Option<ContainerStateValue>,
    /// The sandbox's id, or its beginning.
    #[prost(string, tag = "3")]
    pub pod_sandbox_id: String,
    /// Labels that it must have.
    #[prost(map = "string, string", tag = "4")]
    pub label_selector: HashMap<String, String>,
}

/// Asks for containers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListContainersRequest {
    /// Which ones.
    #[prost(message, optional, tag = "1")]
    pub filter: Option<ContainerFilter>,
}

/// Containers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListContainersResponse {
    /// Those that match.
    #[prost(message, repeated, tag = "1")]
    pub containers: Vec<Container>,
}

/// A container in a list.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Container {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its sandbox's id.
    #[prost(string, tag = "2")]
    pub pod_sandbox_id: String,
    /// Its name and run.
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<ContainerMetadata>,
    /// As given.
    #[prost(message, optional, tag = "4")]
    pub image: Option<ImageSpec>,
    /// The image's id.
    #[prost(string, tag = "5")]
    pub image_ref: String,
    /// Where it is in its life.
    #[prost(enumeration = "ContainerState", tag = "6")]
    pub state: i32,
    /// When it was made, in nanoseconds.
    #[prost(int64, tag = "7")]
    pub created_at: i64,
    /// As given.
    #[prost(map = "string, string", tag = "8")]
    pub labels: HashMap<String, String>,
    /// As given.
    #[prost(map = "string, string", tag = "9")]
    pub annotations: HashMap<String, String>,
    /// The image's id.
    #[prost(string, tag = "10")]
    pub image_id: String,
}

/// Asks how a container is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatusRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub container_id: String,
    /// Ask for `info` too.
    #[prost(bool, tag = "2")]
    pub verbose: bool,
}

/// How a container is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatusResponse {
    /// Its status.
    #[prost(message, optional, tag = "1")]
    pub status: Option<ContainerStatus>,
    /// More, for people.
    #[prost(map = "string, string", tag = "2")]
    pub info: HashMap<String, String>,
}

/// The status of a container. All times are in nanoseconds, 0 for what did not happen.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatus {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its name and run.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<ContainerMetadata>,
    /// Where it is in its life.
    #[prost(enumeration = "ContainerState", tag = "3")]
    pub state: i32,
    /// When it was made.
    #[prost(int64, tag = "4")]
    pub created_at: i64,
    /// When it started.
    #[prost(int64, tag = "5")]
    pub started_at: i64,
    /// When it ended.
    #[prost(int64, tag = "6")]
    pub finished_at: i64,
    /// How it ended.
    #[prost(int32, tag = "7")]
    pub exit_code: i32,
    /// As given.
    #[prost(message, optional, tag = "8")]
    pub image: Option<ImageSpec>,
    /// The image's id.
    #[prost(string, tag = "9")]
    pub image_ref: String,
    /// `Completed`, `Error`, `OOMKilled` or `StartError`.
    #[prost(string, tag = "10")]
    pub reason: String,
    /// Why it ended, for people.
    #[prost(string, tag = "11")]
    pub message: String,
    /// As given.
    #[prost(map = "string, string", tag = "12")]
    pub labels: HashMap<String, String>,
    /// As given.
    #[prost(map = "string, string", tag = "13")]
    pub annotations: HashMap<String, String>,
    /// As given.
    #[prost(message, repeated, tag = "14")]
    pub mounts: Vec<Mount>,
    /// Its log, on the host.
    #[prost(string, tag = "15")]
    pub log_path: String,
    /// What it may use.
    #[prost(message, optional, tag = "16")]
    pub resources: Option<ContainerResources>,
    /// The image's id.
    #[prost(string, tag = "17")]
    pub image_id: String,
}

/// What a container may use.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerResources {
    /// On Linux.
    #[prost(message, optional, tag = "1")]
    pub linux: Option<LinuxContainerResources>,
}

/// Asks what a container uses.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatsRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub container_id: String,
}

/// What a container uses.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatsResponse {
    /// Numbers.
    #[prost(message, optional, tag = "1")]
    pub stats: Option<ContainerStats>,
}

/// Which containers to measure; what is unset matches all.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatsFilter {
    /// The id, or its beginning.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The sandbox's id, or its beginning.
    #[prost(string, tag = "2")]
    pub pod_sandbox_id: String,
    /// Labels that it must have.
    #[prost(map = "string, string", tag = "3")]
    pub label_selector: HashMap<String, String>,
}

/// Asks what containers use.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListContainerStatsRequest {
    /// Which ones.
    #[prost(message, optional, tag = "1")]
    pub filter: Option<ContainerStatsFilter>,
}

/// What containers use.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListContainerStatsResponse {
    /// One for each that runs and matches.
    #[prost(message, repeated, tag = "1")]
    pub stats: Vec<ContainerStats>,
}

/// What one container uses.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStats {
    /// Which one.
    #[prost(message, optional, tag = "1")]
    pub attributes: Option<ContainerAttributes>,
    /// Its CPU time.
    #[prost(message, optional, tag = "2")]
    pub cpu: Option<CpuUsage>,
    /// Its memory.
    #[prost(message, optional, tag = "3")]
    pub memory: Option<MemoryUsage>,
}

/// Which container is measured.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerAttributes {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its name and run: a kubelet panics without.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<ContainerMetadata>,
    /// As given.
    #[prost(map = "string, string", tag = "3")]
    pub labels: HashMap<String, String>,
    /// As given.
    #[prost(map = "string, string", tag = "4")]
    pub annotations: HashMap<String, String>,
}

/// CPU time used.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CpuUsage {
    /// When it was read, in nanoseconds.
    #[prost(int64, tag = "1")]
    pub timestamp: i64,
    /// Since the start.
    #[prost(message, optional, tag = "2")]
    pub usage_core_nano_seconds: Option<UInt64Value>,
}

/// Memory used.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MemoryUsage {
    /// When it was read, in nanoseconds.
    #[prost(int64, tag = "1")]
    pub timestamp: i64,
    /// What it cannot do without.
    #[prost(message, optional, tag = "2")]
    pub working_set_bytes: Option<UInt64Value>,
    /// All of it.
    #[prost(message, optional, tag = "4")]
    pub usage_bytes: Option<UInt64Value>,
}

/// Asks to hear of containers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetEventsRequest {}

/// Something happened to a container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerEventResponse {
    /// Its id.
    #[prost(string, tag = "1")]
    pub container_id: String,
    /// What happened.
    #[prost(enumeration = "ContainerEventType", tag = "2")]
    pub container_event_type: i32,
    /// When, in nanoseconds.
    #[prost(int64, tag = "3")]
    pub created_at: i64,
    /// Its sandbox.
    #[prost(message, optional, tag = "4")]
    pub pod_sandbox_status: Option<PodSandboxStatus>,
    /// The sandbox's containers.
    #[prost(message, repeated, tag = "5")]
    pub containers_statuses: Vec<ContainerStatus>,
}

/// What can happen to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ContainerEventType {
    /// It was made.
    ContainerCreatedEvent = 0,
    /// It started.
    ContainerStartedEvent = 1,
    /// It ended.
    ContainerStoppedEvent = 2,
    /// It was forgotten.
    ContainerDeletedEvent = 3,
}
