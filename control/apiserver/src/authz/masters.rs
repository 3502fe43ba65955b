//! `system:masters` may do everything; nobody else may do anything but look at health and version.

use futures::future::BoxFuture;

use crate::authn::MASTERS;
use crate::authz::{Attributes, Authorizer, Decision};

/// The authorizer of a server without RBAC.
pub struct Masters;

impl Authorizer for Masters {
    fn authorize<'a>(&'a self, attributes: Attributes<'a>) -> BoxFuture<'a, Decision> {
        const PUBLIC: &[&str] = &["/healthz", "/livez", "/readyz", "/version"];
        let public = PUBLIC.contains(&attributes.info.path.as_str()) && attributes.info.verb == "get";
        let allowed = public || attributes.user.groups.iter().any(|group| group == MASTERS);
        let reason = String::new();
        Box::pin(async move { if allowed { Decision::Allow { reason } } else { Decision::NoOpinion { reason } } })
    }
}
