//! How containers are.

use std::collections::HashMap;

use super::{ContainerMetadata, ImageSpec, LinuxContainerResources, Mount};

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
