//! Ends what the user may not do with 403.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::authz::{Attributes, Decision, forbidden};
use crate::filters::{refuse, request_info};
use crate::request::User;
use crate::server::Shared;

/// Asks the authorizer.
pub async fn check(State(server): State<Arc<Shared>>, user: User, request: Request, next: Next) -> Response {
    let info = request_info::of(&request).clone();
    match server.authorizer.authorize(Attributes { user: &user, info: &info }).await {
        Decision::Allow { .. } => next.run(request).await,
        Decision::Deny { reason } | Decision::NoOpinion { reason } => {
            refuse(request.headers(), &forbidden(&user, &info, &reason))
        }
    }
}
