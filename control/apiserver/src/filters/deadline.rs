//! No request but a watch or a stream lasts longer than upstream lets it.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::error::Failure;
use crate::filters::{refuse, request_info};

/// How long an ordinary request may take until its answer begins.
pub const REQUEST_SECONDS_MAX: u64 = 60;

/// Ends what takes too long with 504.
pub async fn bound(request: Request, next: Next) -> Response {
    if request_info::of(&request).is_long_running() {
        return next.run(request).await;
    }
    let headers = request.headers().clone();
    match tokio::time::timeout(Duration::from_secs(REQUEST_SECONDS_MAX), next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(&headers, &Failure::timeout("request did not complete within the allotted timeout")),
    }
}
