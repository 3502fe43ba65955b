//! Finds out who asks.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, HeaderValue};

use crate::authn::{ANONYMOUS, AUTHENTICATED, anonymous};
use crate::error::Failure;
use crate::filters::refuse;
use crate::request::{InProcess, User};
use crate::server::Shared;

/// What a client reads whose token is not looked at.
const EXTRA_SPACE: &str =
    "299 - \"the provided Authorization header contains extra space before the bearer token, and is ignored\"";

/// The user on a request. Only this file makes one, so whoever reads it knows that this layer ran.
#[derive(Clone)]
struct Identified(User);

/// Puts the [`User`] on the request, or ends it with 401. Credentials stop here.
pub async fn identify(State(server): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let user = match who(&server, &parts).await {
        Ok(user) => user,
        Err(failure) => return refuse(&parts.headers, &failure),
    };
    let extra_space = has_extra_space(&parts);
    parts.headers.remove(http::header::AUTHORIZATION);
    parts.extensions.insert(Identified(user));
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if extra_space {
        response.headers_mut().append(http::header::WARNING, HeaderValue::from_static(EXTRA_SPACE));
    }
    response
}

/// Who the request comes from.
///
/// # Errors
/// 500 where this layer did not run: a request without a user is a bug of ours and nobody's request.
pub fn user(extensions: &Extensions) -> Result<User, Failure> {
    let identified = extensions.get().map(|Identified(user)| user.clone());
    identified.ok_or_else(|| Failure::internal("the request was not authenticated"))
}

/// From here on the request is another user's.
pub(super) fn change(request: &mut Request, user: User) {
    request.extensions_mut().insert(Identified(user));
}

/// A filter that names a [`User`] among its arguments does not run without one.
impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<User, Response> {
        user(&parts.extensions).map_err(|failure| refuse(&parts.headers, &failure))
    }
}

/// The first authenticator that knows decides. Credentials that none knows are worse than none.
async fn who(server: &Shared, parts: &Parts) -> Result<User, Failure> {
    if let Some(InProcess(user)) = parts.extensions.get() {
        return Ok(authenticated(user.clone()));
    }
    let mut refusal = None;
    for authenticator in &server.authenticators {
        match authenticator.authenticate(parts).await {
            Ok(Some(user)) => return Ok(authenticated(user)),
            Ok(None) => {}
            Err(failure) => refusal = Some(failure),
        }
    }
    refusal.map_or_else(|| Ok(anonymous()), Err)
}

fn authenticated(mut user: User) -> User {
    if user.name != ANONYMOUS && !user.groups.iter().any(|group| group == AUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

fn has_extra_space(parts: &Parts) -> bool {
    let header = parts.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    header
        .and_then(|header| header.trim().split_once(' '))
        .is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && token.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_that_was_not_authenticated_is_nobodys() {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let refused = User::from_request_parts(&mut parts, &()).await.map_err(|response| response.status());
        assert_eq!(refused, Err(http::StatusCode::INTERNAL_SERVER_ERROR));
        // What came in is not what was found out.
        parts.extensions.insert(InProcess(anonymous()));
        assert!(User::from_request_parts(&mut parts, &()).await.is_err());
    }
}
