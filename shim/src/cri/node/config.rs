//! RuntimeConfig and UpdateRuntimeConfig: what a kubelet and the runtime have to agree on.

use crate::cri::message::{
    CgroupDriver, LinuxRuntimeConfiguration, RuntimeConfigResponse, UpdateRuntimeConfigRequest,
    UpdateRuntimeConfigResponse,
};
use crate::cri::service::Service;

/// There are no cgroups of ours; this driver asks nothing of the host, and systemd's would.
pub(in crate::cri) fn config() -> RuntimeConfigResponse {
    RuntimeConfigResponse { linux: Some(LinuxRuntimeConfiguration { cgroup_driver: CgroupDriver::Cgroupfs.into() }) }
}

/// Hears the network that the cluster gives this node. The one that pods have was chosen when this process began, so
/// another one is only worth a warning: a kubelet goes on either way.
pub(in crate::cri) fn update_config(
    service: &Service,
    req: &UpdateRuntimeConfigRequest,
) -> UpdateRuntimeConfigResponse {
    let network = req.runtime_config.as_ref().and_then(|it| it.network_config.as_ref());
    let asked = network.map(|it| it.pod_cidr.as_str()).unwrap_or_default();
    let ours = service.network();
    if !asked.is_empty() && !asked.split(',').any(|it| it == ours) {
        tracing::warn!(asked, ours, "the cluster gave this node another network for pods");
    }
    UpdateRuntimeConfigResponse {}
}
