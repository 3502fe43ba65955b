//! StopContainer: asks a program to end, waits, kills it.

use std::time::Duration;

use runtime::Instance;

use crate::cri::error::Error;
use crate::cri::message::{Signal, StopContainerRequest, StopContainerResponse};
use crate::cri::service::Service;
use crate::cri::state::Program;

/// Stops a container; one that is unknown or does not run is fine.
pub(in crate::cri) async fn stop(service: &Service, req: StopContainerRequest) -> Result<StopContainerResponse, Error> {
    let Some((instance, heeds)) = instance(service, &req.container_id) else { return Ok(StopContainerResponse {}) };
    let grace = if heeds { Duration::from_secs(u64::try_from(req.timeout).unwrap_or(0)) } else { Duration::ZERO };
    let exit = instance.stop(grace).await;
    // The waiter may not have run yet, and the caller looks at the status next.
    service.note_end(&req.container_id, &exit).await;
    Ok(StopContainerResponse {})
}

/// What runs, and whether its signal asks rather than kills.
fn instance(service: &Service, id: &str) -> Option<(Instance, bool)> {
    let state = service.state.lock();
    let container = state.containers.get(id)?;
    let kills = [Signal::Sigkill, Signal::Sigquit].map(i32::from).contains(&container.stop_signal);
    match &container.program {
        Program::Started(instance) => Some((instance.clone(), !kills)),
        Program::Ready(_) | Program::Starting | Program::Gone => None,
    }
}
