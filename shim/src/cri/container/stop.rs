//! StopContainer: asks a program to end, waits, kills it.

use std::time::Duration;

use runtime::Instance;

use crate::cri::error::Error;
use crate::cri::message::{StopContainerRequest, StopContainerResponse};
use crate::cri::service::Service;
use crate::cri::state::Program;

/// Stops a container; one that is unknown or does not run is fine.
pub(in crate::cri) async fn stop(service: &Service, req: StopContainerRequest) -> Result<StopContainerResponse, Error> {
    let Some(instance) = instance(service, &req.container_id) else { return Ok(StopContainerResponse {}) };
    let grace = Duration::from_secs(u64::try_from(req.timeout).unwrap_or(0));
    let exit = instance.stop(grace).await;
    // The waiter may not have run yet, and the caller looks at the status next.
    service.note_end(&req.container_id, &exit);
    Ok(StopContainerResponse {})
}

fn instance(service: &Service, id: &str) -> Option<Instance> {
    match &service.state.lock().containers.get(id)?.program {
        Program::Started(instance) => Some(instance.clone()),
        Program::Ready(_) | Program::Starting | Program::Failed => None,
    }
}
