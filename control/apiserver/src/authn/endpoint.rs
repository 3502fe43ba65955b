//! The paths that give and judge credentials: tokens of ServiceAccounts, and reviews of who somebody is.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;

use crate::admission::Operation;
use crate::authn::review;
use crate::authn::token::Tokens;
use crate::authn::token_request::{self, Account};
use crate::error::Failure;
use crate::rest::Call;
use crate::rest::connect::{Endpoint, Handler, created, decoded};

/// The rows.
pub fn endpoints(tokens: &Arc<Tokens>) -> Vec<Endpoint> {
    const GROUP: &str = "authentication.k8s.io";
    let row = |group, plural, subresource, handler| Endpoint { group, plural, subresource, handler };
    vec![
        row("", "serviceaccounts", "token", Arc::new(TokenRequest(tokens.clone()))),
        row(GROUP, "tokenreviews", "", Arc::new(TokenReview(tokens.clone()))),
        row(GROUP, "selfsubjectreviews", "", Arc::new(SelfSubjectReview)),
    ]
}

struct TokenRequest(Arc<Tokens>);
struct TokenReview(Arc<Tokens>);
struct SelfSubjectReview;

impl Handler for TokenRequest {
    fn answer<'a>(&'a self, call: &'a Call, body: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let account = Account { namespace: &call.info.namespace, name: &call.info.name };
            let mut request = decoded(call, body).await?;
            let admission = call.admission_context(Operation::Create, account.name, None, false);
            call.server.admission.mutate(&admission, &mut request).await?;
            let answer = token_request::create(&self.0, &call.server.registry, account, call.now, request).await?;
            Ok(created(call, &answer))
        })
    }
}

impl Handler for TokenReview {
    fn answer<'a>(&'a self, call: &'a Call, body: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let answer = review::token(&self.0, call.now, decoded(call, body).await?).await?;
            Ok(created(call, &answer))
        })
    }
}

impl Handler for SelfSubjectReview {
    fn answer<'a>(&'a self, call: &'a Call, body: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let answer = review::oneself(&call.user, call.now, decoded(call, body).await?);
            Ok(created(call, &answer))
        })
    }
}
