//! ContainerStatus: tells how a container is.

use crate::cri::error::Error;
use crate::cri::message::{ContainerStatusRequest, ContainerStatusResponse};
use crate::cri::service::Service;

/// The status of a container.
pub(in crate::cri) fn status(service: &Service, req: ContainerStatusRequest) -> Result<ContainerStatusResponse, Error> {
    let status = service.state.lock().container(&req.container_id)?.status();
    Ok(ContainerStatusResponse { status: Some(status), ..Default::default() })
}
