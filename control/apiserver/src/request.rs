//! What a request is about: who asks, and which verb on which object (upstream's RequestInfo).

use std::collections::BTreeMap;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// `system:serviceaccount:default:web`.
    pub name: String,
    /// May be empty.
    pub uid: String,
    /// `system:authenticated` among them.
    pub groups: Vec<String>,
    /// `authentication.kubernetes.io/pod-name` and the like.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The identity of a component in this process. A request carries it as an extension, which the wire can never set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InProcess(pub User);

/// What a request asks for, read off its method, path and query alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// False for `/healthz`, `/version`, discovery and the like.
    pub is_resource: bool,
    /// The decoded path.
    pub path: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; the lower-case method for non-resources.
    pub verb: String,
    /// `api` or `apis`.
    pub api_prefix: String,
    /// Empty for core.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// Empty for cluster-scoped.
    pub namespace: String,
    /// Plural.
    pub resource: String,
    /// Empty if none.
    pub subresource: String,
    /// Empty on collections.
    pub name: String,
    /// Path segments after the subresource (`proxy/…`).
    pub parts: Vec<String>,
}
