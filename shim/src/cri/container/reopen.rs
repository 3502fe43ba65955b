//! ReopenContainerLog: whoever rotates logs has moved one away. Programs append by path, so a new file is all it takes.

use super::start::make_log;
use crate::cri::error::Error;
use crate::cri::message::{ReopenContainerLogRequest, ReopenContainerLogResponse};
use crate::cri::service::Service;

/// Begins a new log for a container that runs.
pub(in crate::cri) async fn reopen(
    service: &Service,
    req: ReopenContainerLogRequest,
) -> Result<ReopenContainerLogResponse, Error> {
    let path = {
        let state = service.state.lock();
        let container = state.container(&req.container_id)?;
        if !container.is_running() {
            return Err(Error::State(format!("container `{}` is not running", container.id)));
        }
        container.log_path.clone()
    };
    let made = make_log(&path).await;
    made.map_err(|source| Error::File { operation: format!("make the log `{}`", path.display()), source })?;
    Ok(ReopenContainerLogResponse {})
}
