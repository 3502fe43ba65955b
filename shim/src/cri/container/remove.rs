//! RemoveContainer: forgets a container and its log, stopping it first if need be.

use std::io::ErrorKind;

use crate::cri::error::Error;
use crate::cri::message::{ContainerEventType, RemoveContainerRequest, RemoveContainerResponse, StopContainerRequest};
use crate::cri::service::Service;

use super::stop;

/// Removes a container; one that is unknown is fine.
pub(in crate::cri) async fn remove(
    service: &Service,
    req: RemoveContainerRequest,
) -> Result<RemoveContainerResponse, Error> {
    let id = req.container_id;
    stop(service, StopContainerRequest { container_id: id.clone(), timeout: 0 }).await?;
    let Some(log_path) = service.state.lock().containers.get(&id).map(|it| it.log_path.clone()) else {
        return Ok(RemoveContainerResponse {});
    };
    // The log goes first: if that fails the container is still there, and the call can be made again.
    match tokio::fs::remove_file(&log_path).await {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            return Err(Error::File { operation: format!("remove the log `{}`", log_path.display()), source });
        }
        Ok(()) | Err(_) => {}
    }
    let mut state = service.state.lock();
    service.tell(&state, &id, ContainerEventType::ContainerDeletedEvent);
    let Some(container) = state.containers.remove(&id) else { return Ok(RemoveContainerResponse {}) };
    if let Some(sandbox) = state.sandboxes.get_mut(&container.sandbox_id) {
        sandbox.containers.retain(|it| *it != id);
    }
    Ok(RemoveContainerResponse {})
}
