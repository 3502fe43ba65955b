//! Lets those who may ask as somebody else (`kubectl --as`).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::authn::impersonation;
use crate::filters::{authenticate, refuse, request_info};
use crate::request::User;
use crate::server::Shared;

/// Exchanges the [`User`] on the request if the `Impersonate-*` headers ask for it.
pub async fn change_user(
    State(server): State<Arc<Shared>>,
    asking: User,
    mut request: Request,
    next: Next,
) -> Response {
    let wanted = match impersonation::wanted(request.headers()) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return next.run(request).await,
        Err(failure) => return refuse(request.headers(), &failure),
    };
    let info = request_info::of(&request).clone();
    if let Err(failure) = server.impersonation.check(&*server.authorizer, &asking, &wanted, &info).await {
        return refuse(request.headers(), &failure);
    }
    authenticate::change(&mut request, impersonation::completed(wanted));
    next.run(request).await
}
