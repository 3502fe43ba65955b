//! Containers: programs in a sandbox, from their making to their removal.

use std::collections::HashMap;

use super::{ImageSpec, PodSandboxConfig};

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
