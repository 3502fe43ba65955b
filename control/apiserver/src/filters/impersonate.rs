//! Lets an administrator ask as somebody else (`kubectl --as`).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;

use crate::authn::{AUTHENTICATED, MASTERS};
use crate::error::Failure;
use crate::filters::refuse;
use crate::request::User;
use crate::server::Shared;

/// Exchanges the [`User`] in the request's extensions if the `Impersonate-*` headers ask for it.
pub async fn change_user(State(_server): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let Some(wanted) = wanted(request.headers()) else {
        return next.run(request).await;
    };
    let user: User = request.extensions().get().cloned().unwrap_or_default();
    if !user.groups.iter().any(|group| group == MASTERS) {
        let what = format!("User \"{}\" cannot impersonate resource \"users\"", user.name);
        return refuse(request.headers(), &Failure::forbidden("", "users", &wanted.name, &what));
    }
    request.extensions_mut().insert(wanted);
    next.run(request).await
}

fn wanted(headers: &HeaderMap) -> Option<User> {
    let name = headers.get("impersonate-user")?.to_str().ok()?.to_owned();
    let groups = headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok());
    let mut groups: Vec<String> = groups.map(str::to_owned).collect();
    if !groups.iter().any(|group| group == AUTHENTICATED) {
        groups.push(AUTHENTICATED.to_owned());
    }
    Some(User { name, groups, ..User::default() })
}
