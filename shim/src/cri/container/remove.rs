//! RemoveContainer: forgets a container, and its log if that is ours, stopping it first if need be.

use std::io::ErrorKind;
use std::path::Path;

use crate::cri::error::Error;
use crate::cri::message::{ContainerEventType, RemoveContainerRequest, RemoveContainerResponse, StopContainerRequest};
use crate::cri::record::Kind;
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
    if service.owns_logs() && !log_path.as_os_str().is_empty() {
        remove_log(&log_path).await?;
    }
    let turn = service.records.turn().await;
    turn.remove(Kind::Container, &id).await?;
    let mut state = service.state.lock();
    service.tell(&state, &id, ContainerEventType::ContainerDeletedEvent);
    let Some(container) = state.containers.remove(&id) else { return Ok(RemoveContainerResponse {}) };
    if let Some(sandbox) = state.sandboxes.get_mut(&container.sandbox_id) {
        sandbox.containers.retain(|it| *it != id);
    }
    Ok(RemoveContainerResponse {})
}

/// Removes a log and what was rotated away from it: `0.log.1` and so on, as far as there are such files.
async fn remove_log(path: &Path) -> Result<(), Error> {
    for generation in 0_u32.. {
        let mut name = path.as_os_str().to_owned();
        if generation > 0 {
            name.push(format!(".{generation}"));
        }
        match tokio::fs::remove_file(&name).await {
            Ok(()) => {}
            Err(source) if source.kind() == ErrorKind::NotFound => break,
            Err(source) => {
                return Err(Error::File { operation: format!("remove the log `{}`", path.display()), source });
            }
        }
    }
    Ok(())
}
