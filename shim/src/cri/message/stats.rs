//! What containers use.

use std::collections::HashMap;

use super::{ContainerMetadata, UInt64Value};

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
