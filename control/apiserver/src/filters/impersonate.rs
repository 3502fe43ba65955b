//! Lets those who may ask as somebody else (`kubectl --as`).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::authn::impersonation;
use crate::filters::{refuse, request_info};
use crate::request::User;
use crate::server::Shared;

/// Exchanges the [`User`] in the request's extensions if the `Impersonate-*` headers ask for it.
pub async fn change_user(State(server): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let wanted = match impersonation::wanted(request.headers()) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return next.run(request).await,
        Err(failure) => return refuse(request.headers(), &failure),
    };
    let asking: User = request.extensions().get().cloned().unwrap_or_default();
    let info = request_info::of(&request).clone();
    if let Err(failure) = server.impersonation.check(&*server.authorizer, &asking, &wanted, &info).await {
        return refuse(request.headers(), &failure);
    }
    request.extensions_mut().insert(impersonation::completed(wanted));
    next.run(request).await
}
