//! Whether a user may do what a request asks for.

use std::sync::Arc;

use futures::future::BoxFuture;
use storage::Storage;

use crate::request::{RequestInfo, User};

pub mod binding;
mod endpoint;
mod forbidden;
mod masters;
pub mod node;
mod rbac;
pub mod review;
mod role;
pub mod rule;
mod union;

pub use endpoint::endpoints;
pub use forbidden::forbidden;
pub use masters::Masters;
pub use rbac::{Held, Rbac};
pub use union::Union;

/// The authorizers of every server: nodes by what they run, everybody else by roles.
pub fn built_in(storage: &Arc<dyn Storage>) -> (Arc<dyn Authorizer>, Arc<Rbac>) {
    let rbac = Arc::new(Rbac::new(storage.clone()));
    let node = Arc::new(node::Node::new(storage.clone()));
    (Arc::new(Union(vec![node, rbac.clone()])), rbac)
}

/// What is to be decided.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a User,
    /// For what.
    pub info: &'a RequestInfo,
}

/// An answer. Everything that nobody allows is forbidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow {
        /// Why, for audit and access reviews.
        reason: String,
    },
    /// No, and nobody else is to be asked.
    Deny {
        /// Why.
        reason: String,
    },
    /// Others may allow it.
    NoOpinion {
        /// Why not.
        reason: String,
    },
}

/// One way to decide.
pub trait Authorizer: Send + Sync + 'static {
    /// Decides. Never fails: what cannot be found out is no opinion.
    fn authorize<'a>(&'a self, attributes: Attributes<'a>) -> BoxFuture<'a, Decision>;

    /// The rules by which it allows the user something in the namespace, if it decides by rules.
    fn rules<'a>(&'a self, user: &'a User, namespace: &'a str) -> BoxFuture<'a, Held> {
        let _ = (user, namespace);
        Box::pin(async { Held::default() })
    }
}

#[cfg(test)]
mod tests;
