//! Who a request comes from: authenticators are asked in order until one knows.

use futures::future::BoxFuture;
use http::request::Parts;

use crate::error::Failure;
use crate::request::User;

mod endpoint;
pub mod impersonation;
pub mod jwt;
pub mod openid;
pub mod review;
pub mod service_account;
mod static_token;
pub mod token;
pub mod token_request;
pub mod x509;

pub use endpoint::endpoints;
pub use static_token::StaticToken;

/// The user of a request that nobody vouches for.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of everybody else.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of [`ANONYMOUS`].
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group that may do everything.
pub const MASTERS: &str = "system:masters";

/// One way to know who asks.
pub trait Authenticator: Send + Sync + 'static {
    /// Who asks, or `None` if the request carries nothing that this authenticator understands.
    ///
    /// # Errors
    /// What it understands is wrong: the request ends with 401.
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Option<User>, Failure>>;

    /// The document at a path that lets others check its credentials by themselves.
    fn document(&self, path: &str) -> Option<openid::Document> {
        let _ = path;
        None
    }
}

/// The token of `Authorization: Bearer TOKEN`: exactly one space, any case of the scheme. What follows it is ignored.
pub fn bearer_token(request: &Parts) -> Option<&str> {
    let header = request.headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.split(' ').next().filter(|token| !token.is_empty());
    token.filter(|_| scheme.eq_ignore_ascii_case("bearer"))
}

/// The user of a request without credentials.
pub fn anonymous() -> User {
    User::new(ANONYMOUS, [UNAUTHENTICATED])
}

#[cfg(test)]
mod tests;
