//! What happens to containers.

use super::{ContainerStatus, PodSandboxStatus};

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
