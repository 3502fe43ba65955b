//! A `kube::Client` over the API server in this process: the same requests as over the wire, without the wire.

use std::convert::Infallible;
use std::task::{Context, Poll};

use apiserver::request::{InProcess, User};
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response};
use tower::Service;

/// A client that is `user`: RBAC, audit and flow control see it as they would see it on the wire.
pub fn in_process<S>(server: S, user: User) -> kube::Client
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    kube::Client::new(AsUser { server, user }, "default")
}

/// A component's user name and groups.
pub fn component(name: &str, groups: &[&str]) -> User {
    let groups = groups.iter().copied().chain(["system:authenticated"]).map(str::to_owned).collect();
    User { name: name.to_owned(), groups, ..User::default() }
}

/// Marks every request as made by one user.
#[derive(Clone)]
struct AsUser<S> {
    server: S,
    user: User,
}

impl<S> Service<Request<kube::client::Body>> for AsUser<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.server.poll_ready(cx)
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(InProcess(self.user.clone()));
        Box::pin(self.server.call(request))
    }
}
