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

    /// 404 of a path that leads nowhere in a known group.
    pub fn no_such_resource() -> Failure {
        let message = "the server could not find the requested resource";
        Failure::new(StatusCode::NOT_FOUND, "NotFound", message).with_details(json!({}))
    }

    /// 405 of a path.
    pub fn no_such_method() -> Failure {
        let message = "the server does not allow this method on the requested resource";
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message).with_details(json!({}))
    }

    /// 405 of a kind: `verb` is what was asked for.
    pub fn not_supported(group: &str, resource: &str, verb: &str) -> Failure {
        let message =
            format!("{verb} is not supported on resources of kind {}", field::quote(&qualified(group, resource)));
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
            .with_details(details(group, resource, ""))
    }

    /// 406.
    pub fn not_acceptable(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// 406 that lists what is possible.
    pub fn only_acceptable(media_types: &str) -> Failure {
        Failure::not_acceptable(format!("only the following media types are accepted: {media_types}"))
    }

    /// 415.
    pub fn unsupported_media_type(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// 413.
    pub fn too_large(bytes_max: usize) -> Failure {
        let message = format!("Request entity too large: limit is {bytes_max}");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    /// 410: the history that was asked for is gone.
    pub fn expired(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::GONE, "Expired", message)
    }

    /// 429 that asks to come back.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Failure {
        let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message)
            .with_details(json!({"retryAfterSeconds": retry_after_seconds}));
        Failure { retry_after_seconds: Some(retry_after_seconds), ..failure }
    }

    /// 504 of a version that has not happened yet.
    pub fn future_version(asked: u64, current: u64) -> Failure {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        let failure = Failure::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message)
            .with_details(json!({"causes": [cause], "retryAfterSeconds": 1}));
        Failure { retry_after_seconds: Some(1), ..failure }
    }

    /// 504: the request took too long.
    pub fn timeout(what: &str) -> Failure {
        Failure::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", format!("Timeout: {what}"))
    }

    /// 500 whose message upstream passes on as it is, without a reason.
    pub fn bare(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// 503.
    pub fn unavailable(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// 501: what upstream has and this server does not have yet. `what` names it.
    pub fn not_there_yet(what: &str) -> Failure {
        Failure::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", format!("{what} is not there yet"))
    }

    /// What another server answered, which was not 400 or 500: its code and its words.
    pub fn of_another(code: StatusCode, text: &str) -> Failure {
        let reason = match code {
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::FORBIDDEN => "Forbidden",
            StatusCode::NOT_FOUND => "NotFound",
            _ => "",
        };
        Failure::new(code, reason, text)
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

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Failure {
        match error {
            storage::Error::Compacted { .. } => Failure::expired(EXPIRED),
            storage::Error::Future { asked, current } => Failure::future_version(asked.0, current.0),
            storage::Error::TooLarge { .. } => Failure::bare("etcdserver: request is too large"),
            storage::Error::Unavailable { reason } => Failure::internal(&reason),
            // Every writer handles its own conflicts; one that comes here lost its race too often.
            storage::Error::Conflict { .. } => Failure::internal("the object has been modified too often; try again"),
        }
    }
}

/// What a list of a version that is gone answers.
pub const EXPIRED: &str = "The resourceVersion for the provided list is too old.";

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
