//! StopPodSandbox: ends what runs in a sandbox and gives its address back.

use crate::cri::error::Error;
use crate::cri::message::{StopContainerRequest, StopPodSandboxRequest, StopPodSandboxResponse};
use crate::cri::service::{Service, now};
use crate::cri::{container, message};

/// Stops a sandbox; one that is stopped or unknown is fine.
pub(in crate::cri) async fn stop(
    service: &Service,
    req: StopPodSandboxRequest,
) -> Result<StopPodSandboxResponse, Error> {
    for container_id in containers(service, &req.pod_sandbox_id) {
        container::stop(service, StopContainerRequest { container_id, timeout: 0 }).await?;
    }
    let mut state = service.state.lock();
    let Some(sandbox) = state.sandboxes.get_mut(&req.pod_sandbox_id) else {
        return Ok(message::StopPodSandboxResponse {});
    };
    if sandbox.stopped_at == 0 {
        sandbox.stopped_at = now();
        sandbox.host_ports = None;
        service.addresses.lock().give_back(sandbox.ip);
    }
    Ok(message::StopPodSandboxResponse {})
}

/// The ids of a sandbox's containers.
pub(super) fn containers(service: &Service, id: &str) -> Vec<String> {
    service.state.lock().sandboxes.get(id).map(|it| it.containers.clone()).unwrap_or_default()
}
