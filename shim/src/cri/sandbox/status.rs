//! PodSandboxStatus: tells how a sandbox is.

use crate::cri::error::Error;
use crate::cri::message::{PodSandboxStatusRequest, PodSandboxStatusResponse};
use crate::cri::service::{Service, now};

/// The status of a sandbox and of its containers.
pub(in crate::cri) fn status(
    service: &Service,
    req: PodSandboxStatusRequest,
) -> Result<PodSandboxStatusResponse, Error> {
    let state = service.state.lock();
    let sandbox = state.sandbox(&req.pod_sandbox_id)?;
    Ok(PodSandboxStatusResponse {
        status: Some(sandbox.status()),
        containers_statuses: state.statuses_in(sandbox),
        timestamp: now(),
        ..Default::default()
    })
}
