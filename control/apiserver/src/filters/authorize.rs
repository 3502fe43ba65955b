//! Ends what the user may not do with 403.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::authz::{Attributes, Decision};
use crate::error::{Failure, qualified};
use crate::field::quote;
use crate::filters::{refuse, request_info};
use crate::request::{RequestInfo, User};
use crate::server::Shared;

/// Asks the authorizer.
pub async fn check(State(server): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let info = request_info::of(&request).clone();
    let user: User = request.extensions().get().cloned().unwrap_or_default();
    match server.authorizer.authorize(Attributes { user: &user, info: &info }).await {
        Decision::Allow { .. } => next.run(request).await,
        Decision::Deny { reason } | Decision::NoOpinion { reason } => {
            refuse(request.headers(), &forbidden(&user, &info, &reason))
        }
    }
}

/// 403 in upstream's words.
fn forbidden(user: &User, info: &RequestInfo, reason: &str) -> Failure {
    let tail = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let who = format!("User {}", quote(&escape(&user.name)));
    if !info.is_resource {
        let what = format!("{who} cannot {} path {}{tail}", info.verb, quote(&escape(&info.path)));
        return Failure::forbidden("", "", "", &what).with_details(serde_json::json!({}));
    }
    let resource = match info.subresource.as_str() {
        "" => info.resource.clone(),
        subresource => format!("{}/{subresource}", info.resource),
    };
    let place = match info.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {}", quote(namespace)),
    };
    let what = format!(
        "{who} cannot {} resource {} in API group {} {place}{tail}",
        info.verb,
        quote(&resource),
        quote(&info.group)
    );
    let failure = Failure::forbidden(&info.group, &info.resource, &info.name, &what);
    debug_assert!(failure.message.starts_with(&qualified(&info.group, &info.resource)));
    failure
}

/// HTML-escaped, as upstream does with what a client chose.
fn escape(text: &str) -> String {
    text.replace('&', "&#38;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;").replace('\'', "&#39;")
}
