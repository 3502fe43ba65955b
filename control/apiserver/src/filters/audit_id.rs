//! Gives every request an id (`Audit-Id`), by which clients and logs can name it. There is no audit log.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};

use crate::identity;

/// The header that carries the id.
pub const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Puts the id on the request and on its answer; a client may choose it.
pub async fn attach(mut request: Request, next: Next) -> Response {
    let id = request.headers().get(AUDIT_ID).cloned();
    let id = id.unwrap_or_else(|| HeaderValue::try_from(identity::uid()).expect("a UUID can stand in a header"));
    request.headers_mut().insert(AUDIT_ID, id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(AUDIT_ID, id);
    response
}
