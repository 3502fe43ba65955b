//! The way to a node: the kubelet's HTTP API (`/containerLogs`, `/exec`, `/stats`…), whatever carries it.

use axum::body::Body;
use futures::future::BoxFuture;

use crate::error::Failure;

/// Reaches nodes. Implemented in process for the server's own node, and over HTTPS for those with a kubelet of their own.
pub trait NodeConnector: Send + Sync + 'static {
    /// Sends a request to a node's kubelet API and answers with what it answers. A request for another protocol has the
    /// client's connection among its extensions, as `hyper::upgrade::OnUpgrade`: a node in this process goes on with it. A
    /// node elsewhere cannot, so that its answer of 101 has the connection to it among its extensions.
    ///
    /// # Errors
    /// The node cannot be reached; the failure names it as upstream does.
    fn call<'a>(
        &'a self,
        node: &'a str,
        request: http::Request<Body>,
    ) -> BoxFuture<'a, Result<http::Response<Body>, Failure>>;
}
