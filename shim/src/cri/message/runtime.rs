//! What the runtime says of itself.

use std::collections::HashMap;

/// Asks who answers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VersionRequest {
    /// The kubelet's own API version.
    #[prost(string, tag = "1")]
    pub version: String,
}

/// Who answers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VersionResponse {
    /// The kubelet accepts only `0.1.0`.
    #[prost(string, tag = "1")]
    pub version: String,
    /// Before `://` in container ids.
    #[prost(string, tag = "2")]
    pub runtime_name: String,
    /// The program's version.
    #[prost(string, tag = "3")]
    pub runtime_version: String,
    /// `v1`.
    #[prost(string, tag = "4")]
    pub runtime_api_version: String,
}

/// Asks how the runtime is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatusRequest {
    /// Ask for `info` too.
    #[prost(bool, tag = "1")]
    pub verbose: bool,
}

/// How the runtime is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatusResponse {
    /// Its conditions.
    #[prost(message, optional, tag = "1")]
    pub status: Option<RuntimeStatus>,
    /// More, for people.
    #[prost(map = "string, string", tag = "2")]
    pub info: HashMap<String, String>,
    /// The runtime classes it knows.
    #[prost(message, repeated, tag = "3")]
    pub runtime_handlers: Vec<RuntimeHandler>,
}

/// The runtime's conditions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RuntimeStatus {
    /// `RuntimeReady` and `NetworkReady` at least: clients refuse fewer.
    #[prost(message, repeated, tag = "1")]
    pub conditions: Vec<RuntimeCondition>,
}

/// One condition of the runtime.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RuntimeCondition {
    /// Its name.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// Whether it holds.
    #[prost(bool, tag = "2")]
    pub status: bool,
    /// One word that says why.
    #[prost(string, tag = "3")]
    pub reason: String,
    /// A sentence that says why.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// A runtime class.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RuntimeHandler {
    /// Empty for the default.
    #[prost(string, tag = "1")]
    pub name: String,
}
