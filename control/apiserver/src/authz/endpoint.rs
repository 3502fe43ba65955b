//! The paths on which somebody asks what an authorizer would say.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;

use crate::authz::review::{self, About, GROUP};
use crate::error::Failure;
use crate::rest::Call;
use crate::rest::connect::{Endpoint, Handler, created, decoded};

/// The rows.
pub fn endpoints() -> Vec<Endpoint> {
    let row = |plural, handler| Endpoint { group: GROUP, plural, subresource: "", handler };
    vec![
        row("localsubjectaccessreviews", Arc::new(Access(About::AnyoneIn))),
        row("selfsubjectaccessreviews", Arc::new(Access(About::Oneself))),
        row("selfsubjectrulesreviews", Arc::new(Rules)),
        row("subjectaccessreviews", Arc::new(Access(About::Anyone))),
    ]
}

struct Access(About);
struct Rules;

impl Handler for Access {
    fn answer<'a>(&'a self, call: &'a Call, body: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let asked = decoded(call, body).await?;
            let authorizer = &*call.server.authorizer;
            let answer = review::access(authorizer, &call.user, &call.info.namespace, self.0, asked).await?;
            Ok(created(call, &answer))
        })
    }
}

impl Handler for Rules {
    fn answer<'a>(&'a self, call: &'a Call, body: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let answer = review::rules(&*call.server.authorizer, &call.user, decoded(call, body).await?).await?;
            Ok(created(call, &answer))
        })
    }
}
