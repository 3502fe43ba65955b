//! What goes wrong, as clients see it: the only place that knows HTTP codes and reasons of `metav1.Status`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::field;

/// A failed request: a `metav1.Status` about to be written. Constructors mirror `k8s.io/apimachinery/pkg/api/errors`.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The HTTP code.
    pub code: StatusCode,
    /// `NotFound`, `Invalid`…; may be empty.
    pub reason: &'static str,
    /// What the user reads.
    pub message: String,
    /// `details`, or null.
    pub details: Value,
    /// `metadata.continue` (an expired list can go on).
    pub continue_token: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after_seconds: Option<u32>,
}

impl Failure {
    /// A failure without details.
    pub fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Failure {
        Failure {
            code,
            reason,
            message: message.into(),
            details: Value::Null,
            continue_token: None,
            retry_after_seconds: None,
        }
    }

    /// With these `details`.
    pub fn with_details(mut self, details: Value) -> Failure {
        self.details = details;
        self
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 401.
    pub fn unauthorized() -> Failure {
        Failure::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// 403 about an object. `resource` is the plural, `what` the reason in words.
    pub fn forbidden(group: &str, resource: &str, name: &str, what: &str) -> Failure {
        let named = qualified(group, resource);
        let message = match (resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {what}"),
            (false, true) => format!("{named} is forbidden: {what}"),
            (false, false) => format!("{named} {} is forbidden: {what}", field::quote(name)),
        };
        Failure::new(StatusCode::FORBIDDEN, "Forbidden", message).with_details(details(group, resource, name))
    }

    /// 404 of an object.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Failure {
        let message = format!("{} {} not found", qualified(group, resource), field::quote(name));
        Failure::new(StatusCode::NOT_FOUND, "NotFound", message).with_details(details(group, resource, name))
    }

    /// 409 on create.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Failure {
        let message = format!("{} {} already exists", qualified(group, resource), field::quote(name));
        Failure::new(StatusCode::CONFLICT, "AlreadyExists", message).with_details(details(group, resource, name))
    }

    /// 409 on update.
    pub fn conflict(group: &str, resource: &str, name: &str, what: &str) -> Failure {
        let named = qualified(group, resource);
        let message = format!("Operation cannot be fulfilled on {named} {}: {what}", field::quote(name));
        Failure::new(StatusCode::CONFLICT, "Conflict", message).with_details(details(group, resource, name))
    }

    /// 422: validation failed. `kind` is the kind, not the plural.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[field::Error]) -> Failure {
        let named = qualified(group, kind);
        // Upstream aggregates: repeated texts are dropped from the message, one alone stands without brackets.
        let mut texts: Vec<String> = Vec::new();
        for error in errors {
            let text = error.to_string();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let list = if texts.len() == 1 { texts.remove(0) } else { format!("[{}]", texts.join(", ")) };
        let causes: Vec<Value> = errors
            .iter()
            .map(|e| json!({"reason": e.reason(), "message": e.message, "field": e.path.to_string()}))
            .collect();
        let mut about = details(group, kind, name);
        about["causes"] = Value::Array(causes);
        let message = format!("{named} {} is invalid: {list}", field::quote(name));
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with_details(about)
    }

    /// 500 with upstream's prefix.
    pub fn internal(what: &str) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", format!("Internal error occurred: {what}"))
            .with_details(json!({"causes": [{"message": what}]}))
    }

    /// The `metav1.Status` that clients get.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        if let Some(token) = &self.continue_token {
            status["metadata"]["continue"] = token.as_str().into();
        }
        status
    }
}

/// `deployments.apps`, or `pods`.
pub fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

/// `details` of a Status: empty members are left out.
pub fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = json!({});
    for (key, value) in [("group", group), ("kind", kind), ("name", name)] {
        if !value.is_empty() {
            details[key] = value.into();
        }
    }
    details
}
