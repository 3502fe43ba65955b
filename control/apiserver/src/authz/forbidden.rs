//! 403 in upstream's words (`k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go`).

use serde_json::json;

use crate::error::Failure;
use crate::field::quote;
use crate::request::{RequestInfo, User};

/// What a user is told who may not do what was asked. `reason` is the authorizer's, and may be empty.
pub fn forbidden(user: &User, info: &RequestInfo, reason: &str) -> Failure {
    let tail = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let who = format!("User {}", quote(&escaped(&user.name)));
    if !info.is_resource {
        let what = format!("{who} cannot {} path {}{tail}", info.verb, quote(&escaped(&info.path)));
        return Failure::forbidden("", "", "", &what).with_details(json!({}));
    }
    let resource = match info.subresource.as_str() {
        "" => info.resource.clone(),
        subresource => format!("{}/{subresource}", info.resource),
    };
    let place = match info.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {}", quote(namespace)),
    };
    let (resource, group) = (quote(&resource), quote(&info.group));
    let what = format!("{who} cannot {} resource {resource} in API group {group} {place}{tail}", info.verb);
    Failure::forbidden(&info.group, &info.resource, &info.name, &what)
}

/// Without what could be markup in a browser.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
