//! A request that hits a bug of ours ends with 500; the server goes on.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use tracing::error;

use crate::error::Failure;
use crate::filters::refuse;

/// Catches what unwinds out of the rest of the stack.
pub async fn isolate(request: Request, next: Next) -> Response {
    let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
    // Nothing that is shared is left half changed: locks are parking_lot's, and writes go through the store.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            error!(%method, path = uri.path(), "panicked");
            refuse(&headers, &Failure::bare("This request caused apiserver to panic. Look in the logs for details."))
        }
    }
}
