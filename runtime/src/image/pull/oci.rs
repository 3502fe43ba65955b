//! What registries keep: manifests, indexes and configs, with the fields that decide something here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::PullError;
use crate::image::reference::is_sha256;

/// What the distribution spec asks registries to take.
pub(crate) const MANIFEST_BYTES_MAX: usize = 4 << 20;
pub(crate) const CONFIG_BYTES_MAX: u64 = 4 << 20;
/// As Docker has it.
pub(crate) const LAYERS_MAX: usize = 127;

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(crate) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(crate) const SPIN_CONFIG: &str = "application/vnd.fermyon.spin.application.v1+config";

/// A manifest or an index: which of them is said by what it has.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Document {
    pub(crate) manifests: Option<Vec<Descriptor>>,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

/// Names a blob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) platform: Option<Platform>,
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

/// What an image of an index is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Platform {
    pub(crate) os: String,
    pub(crate) architecture: String,
}

/// A config: that of an image, or that of a Wasm artifact.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) os: String,
    pub(crate) architecture: String,
    pub(crate) config: Option<Execution>,
    pub(crate) rootfs: Option<RootFs>,
    #[serde(rename = "layerDigests")]
    pub(crate) layer_digests: Option<Vec<String>>,
    pub(crate) component: Option<Component>,
}

/// How an image's program is run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Execution {
    pub(crate) user: String,
    pub(crate) env: Option<Vec<String>>,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
    pub(crate) working_dir: String,
}

/// The layers by what they are unpacked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RootFs {
    pub(crate) diff_ids: Vec<String>,
}

/// The world of a Wasm artifact.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Component {
    pub(crate) exports: Vec<String>,
    pub(crate) imports: Vec<String>,
}

// === impl Descriptor ===

impl Descriptor {
    /// Whether it names something by a digest that we can check.
    pub(crate) fn check(&self) -> Result<(), PullError> {
        if is_sha256(&self.digest) {
            return Ok(());
        }
        let digest: String = self.digest.chars().take(80).collect();
        Err(PullError::Refused(format!("the digest `{digest}` is not sha256")))
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

/// Reads JSON that a registry sent.
pub(crate) fn parse<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, PullError> {
    serde_json::from_slice(bytes).map_err(|err| PullError::Refused(format!("its {what} cannot be read: {err}")))
}
