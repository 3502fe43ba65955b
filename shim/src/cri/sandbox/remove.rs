//! RemovePodSandbox: forgets a sandbox and its containers, by force if need be.

use crate::cri::container;
use crate::cri::error::Error;
use crate::cri::message::{
    RemoveContainerRequest, RemovePodSandboxRequest, RemovePodSandboxResponse, StopPodSandboxRequest,
};
use crate::cri::record::Kind;
use crate::cri::service::Service;

use super::stop;

/// Removes a sandbox; one that is unknown is fine.
pub(in crate::cri) async fn remove(
    service: &Service,
    req: RemovePodSandboxRequest,
) -> Result<RemovePodSandboxResponse, Error> {
    let id = req.pod_sandbox_id;
    stop(service, StopPodSandboxRequest { pod_sandbox_id: id.clone() }).await?;
    for container_id in super::stop::containers(service, &id) {
        container::remove(service, RemoveContainerRequest { container_id }).await?;
    }
    // An id that was never ours must not become a path.
    if !service.state.lock().sandboxes.contains_key(&id) {
        return Ok(RemovePodSandboxResponse {});
    }
    let turn = service.records.turn().await;
    turn.remove(Kind::Sandbox, &id).await?;
    service.state.lock().sandboxes.remove(&id);
    Ok(RemovePodSandboxResponse {})
}
