//! Gives every request the id that audit records name it by.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderName;

use crate::identity;

/// The header that carries the id.
pub const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Puts the id on the answer; a client may choose it.
pub async fn record(request: Request, next: Next) -> Response {
    let id = request.headers().get(AUDIT_ID).cloned();
    let id = id.or_else(|| identity::uid().parse().ok());
    let mut response = next.run(request).await;
    if let Some(id) = id {
        response.headers_mut().insert(AUDIT_ID, id);
    }
    response
}
