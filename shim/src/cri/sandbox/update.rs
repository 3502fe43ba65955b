//! UpdatePodSandboxResources: notes what a whole pod may use. What is enforced are the limits of each of its containers,
//! which a kubelet derives from the pod's.

use crate::cri::error::Error;
use crate::cri::message::{UpdatePodSandboxResourcesRequest, UpdatePodSandboxResourcesResponse};
use crate::cri::record::{Durability, Kind};
use crate::cri::service::Service;
use crate::cri::state::Sandbox;

/// Notes new resources of a sandbox.
pub(in crate::cri) async fn update(
    service: &Service,
    req: UpdatePodSandboxResourcesRequest,
) -> Result<UpdatePodSandboxResourcesResponse, Error> {
    let id = req.pod_sandbox_id;
    let turn = service.records.turn().await;
    {
        let mut state = service.state.lock();
        let Some(sandbox) = state.sandboxes.get_mut(&id) else {
            return Err(Error::NotFound { kind: "sandbox", id });
        };
        let linux = sandbox.config.linux.get_or_insert_default();
        linux.overhead = req.overhead.or(linux.overhead.take());
        linux.resources = req.resources.or(linux.resources.take());
    }
    let record = || service.state.lock().sandboxes.get(&id).map(Sandbox::record);
    turn.write(Kind::Sandbox, &id, Durability::Kill, record).await?;
    Ok(UpdatePodSandboxResourcesResponse {})
}
