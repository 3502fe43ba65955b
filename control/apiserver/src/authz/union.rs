//! Several authorizers, asked in order until one decides.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::authz::{Attributes, Authorizer, Decision, Held};
use crate::request::User;

/// The authorizers in their order.
pub struct Union(pub Vec<Arc<dyn Authorizer>>);

impl Authorizer for Union {
    fn authorize<'a>(&'a self, attributes: Attributes<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            let mut reasons = Vec::new();
            for authorizer in &self.0 {
                match authorizer.authorize(attributes).await {
                    Decision::NoOpinion { reason } if reason.is_empty() => {}
                    Decision::NoOpinion { reason } => reasons.push(reason),
                    decided => return decided,
                }
            }
            Decision::NoOpinion { reason: reasons.join("\n") }
        })
    }

    fn rules<'a>(&'a self, user: &'a User, namespace: &'a str) -> BoxFuture<'a, Held> {
        Box::pin(async move {
            let mut held = Held::default();
            for authorizer in &self.0 {
                let more = authorizer.rules(user, namespace).await;
                held.rules.extend(more.rules);
                held.errors.extend(more.errors);
            }
            held
        })
    }
}
