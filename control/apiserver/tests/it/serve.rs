//! The server that transcripts are replayed against.

use axum::body::Body;

/// A bearer token of a `system:masters` user.
pub const TOKEN: &str = "admintoken";

/// A fresh server on memory storage.
pub async fn server() -> impl crate::replay::Server {
    tower::service_fn(|_request: http::Request<Body>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from("not yet")))
    })
}
