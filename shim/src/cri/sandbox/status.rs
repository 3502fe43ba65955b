//! PodSandboxStatus: tells how a sandbox is.

use serde_json::json;

use crate::cri::error::Error;
use crate::cri::message::{PodSandboxStatusRequest, PodSandboxStatusResponse};
use crate::cri::service::{Service, now};
use crate::cri::state::Sandbox;

/// The status of a sandbox and of its containers.
pub(in crate::cri) fn status(
    service: &Service,
    req: PodSandboxStatusRequest,
) -> Result<PodSandboxStatusResponse, Error> {
    let state = service.state.lock();
    let sandbox = state.sandbox(&req.pod_sandbox_id)?;
    Ok(PodSandboxStatusResponse {
        status: Some(sandbox.status()),
        info: if req.verbose { [("info".to_owned(), info(service, sandbox))].into() } else { Default::default() },
        containers_statuses: state.statuses_in(sandbox),
        timestamp: now(),
    })
}

/// What only people ask.
fn info(service: &Service, sandbox: &Sandbox) -> String {
    let address = service.runtime.host_address((sandbox.ip, 0).into());
    let info = json!({
        "hostname": sandbox.config.hostname,
        "logDirectory": sandbox.config.log_directory,
        "hostAddress": address.ip().to_string(),
    });
    info.to_string()
}
