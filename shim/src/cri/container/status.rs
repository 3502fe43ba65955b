//! ContainerStatus: tells how a container is.

use serde_json::json;

use crate::cri::error::Error;
use crate::cri::message::{ContainerStatusRequest, ContainerStatusResponse};
use crate::cri::service::Service;
use crate::cri::state::Container;

/// The status of a container.
pub(in crate::cri) fn status(service: &Service, req: ContainerStatusRequest) -> Result<ContainerStatusResponse, Error> {
    let state = service.state.lock();
    let container = state.container(&req.container_id)?;
    Ok(ContainerStatusResponse {
        status: Some(container.status()),
        info: if req.verbose { [("info".to_owned(), info(container))].into() } else { Default::default() },
    })
}

/// What only people ask.
fn info(container: &Container) -> String {
    json!({"sandboxID": container.sandbox_id}).to_string()
}
