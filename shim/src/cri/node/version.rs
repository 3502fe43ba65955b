//! Version: says who answers.

use crate::cri::message::VersionResponse;

/// What stands before `://` in container ids.
const RUNTIME_NAME: &str = "coracle";
/// A kubelet accepts no other.
const KUBELET_API_VERSION: &str = "0.1.0";

/// Who answers.
pub(in crate::cri) fn version() -> VersionResponse {
    VersionResponse {
        version: KUBELET_API_VERSION.to_owned(),
        runtime_name: RUNTIME_NAME.to_owned(),
        runtime_version: env!("CARGO_PKG_VERSION").to_owned(),
        runtime_api_version: "v1".to_owned(),
    }
}
