//! One bearer token that is one user: the way in for tests and for the first administrator.

use futures::future::BoxFuture;
use http::request::Parts;

use crate::authn::{Authenticator, bearer_token};
use crate::error::Failure;
use crate::request::User;

/// A token and who has it. Any other token is refused.
pub struct StaticToken {
    /// What stands after `Bearer `.
    pub token: String,
    /// Who it is.
    pub user: User,
}

impl Authenticator for StaticToken {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Option<User>, Failure>> {
        let answer = match bearer_token(request) {
            None => Ok(None),
            Some(token) if same(token.as_bytes(), self.token.as_bytes()) => Ok(Some(self.user.clone())),
            Some(_) => Err(Failure::unauthorized()),
        };
        Box::pin(async { answer })
    }
}

/// Compares in a time that does not depend on where the two differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}
