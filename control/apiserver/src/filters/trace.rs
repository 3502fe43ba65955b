//! One span and one event for each request.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, debug, debug_span};

use crate::filters::audit_id::AUDIT_ID;

/// Opens the span that everything below logs into.
pub async fn span(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let audit_id = request.headers().get(AUDIT_ID).and_then(|id| id.to_str().ok());
    let span = debug_span!("request", method = %request.method(), path = request.uri().path(), audit_id);
    async move {
        let response = next.run(request).await;
        debug!(status = response.status().as_u16(), elapsed_us = started.elapsed().as_micros(), "answered");
        response
    }
    .instrument(span)
    .await
}
