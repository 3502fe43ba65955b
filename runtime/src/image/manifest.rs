//! What an image is made of, as it lies on disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an image is made of: the file that its id is the digest of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Every file, by absolute path.
    pub files: BTreeMap<String, Entry>,
    /// As in an OCI config.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// As in an OCI config.
    #[serde(default)]
    pub cmd: Vec<String>,
    /// As in an OCI config, split.
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// As in an OCI config: `USER`, `UID` or either with a group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// It came from a registry, so it can come again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pulled: bool,
}

/// One file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `sha256:` and the digest of its contents.
    pub digest: String,
    /// Its length.
    pub size_bytes: u64,
    /// Whether it is WebAssembly, by its first bytes.
    pub wasm: bool,
}
