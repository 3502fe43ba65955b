//! Finds out who asks.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::authn::{ANONYMOUS, AUTHENTICATED, anonymous};
use crate::error::Failure;
use crate::filters::refuse;
use crate::request::{InProcess, User};
use crate::server::Shared;

/// Puts the [`User`] into the request's extensions, or ends it with 401. Credentials stop here.
pub async fn identify(State(server): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut user = match who(&server, &parts).await {
        Ok(user) => user,
        Err(failure) => return refuse(&parts.headers, &failure),
    };
    let known = user.name != ANONYMOUS;
    if known && !user.groups.iter().any(|group| group == AUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    parts.headers.remove(http::header::AUTHORIZATION);
    parts.extensions.insert(user);
    next.run(Request::from_parts(parts, body)).await
}

async fn who(server: &Shared, parts: &http::request::Parts) -> Result<User, Failure> {
    if let Some(InProcess(user)) = parts.extensions.get() {
        return Ok(user.clone());
    }
    for authenticator in &server.authenticators {
        if let Some(user) = authenticator.authenticate(parts).await? {
            return Ok(user);
        }
    }
    Ok(anonymous())
}
