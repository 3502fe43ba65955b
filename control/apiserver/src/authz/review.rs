//! Access reviews: somebody asks what an authorizer would say, about themselves or about others.

use serde_json::{Value, json};

use crate::authz::{Attributes, Authorizer, Decision};
use crate::error::Failure;
use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::request::{RequestInfo, User};

/// The reviews' group.
pub const GROUP: &str = "authorization.k8s.io";

/// Whom a review is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Whoever the spec names (SubjectAccessReview).
    Anyone,
    /// Whoever the spec names, in this namespace only (LocalSubjectAccessReview).
    AnyoneIn,
    /// Whoever asks (SelfSubjectAccessReview).
    Oneself,
}

/// Answers a review of access: the object with its status.
///
/// # Errors
/// 422 if it asks for nothing or for too much.
pub async fn access(
    authorizer: &dyn Authorizer,
    asking: &User,
    namespace: &str,
    about: About,
    mut review: Value,
) -> Result<Value, Failure> {
    let errors = validate(&review, about, namespace);
    if !errors.is_empty() {
        // Upstream gives no kind here either.
        return Err(Failure::invalid(GROUP, "", "", &errors));
    }
    let user = match about {
        About::Oneself => asking.clone(),
        About::Anyone | About::AnyoneIn => subject(&review),
    };
    let info = attributes(&review);
    let mut status = match authorizer.authorize(Attributes { user: &user, info: &info }).await {
        Decision::Allow { reason } => status(true, &reason),
        Decision::NoOpinion { reason } => status(false, &reason),
        Decision::Deny { reason } => {
            let mut status = status(false, &reason);
            status.set("denied", true);
            status
        }
    };
    let ignored = ["fieldSelector", "labelSelector"].into_iter().find(|selector| !is_selector(&review, selector));
    if let Some(selector) = ignored {
        status.set("evaluationError", format!("spec.resourceAttributes.{selector} ignored due to parse error"));
    }
    review.set("status", status);
    Ok(review)
}

/// Answers a SelfSubjectRulesReview: all that the user may do in a namespace.
///
/// # Errors
/// 400 without a namespace.
pub async fn rules(authorizer: &dyn Authorizer, asking: &User, mut review: Value) -> Result<Value, Failure> {
    let namespace = review.str_at("spec.namespace").to_owned();
    if namespace.is_empty() {
        return Err(Failure::bad_request("no namespace on request"));
    }
    let held = authorizer.rules(asking, &namespace).await;
    let (mut resource_rules, mut other_rules) = (Vec::new(), Vec::new());
    for rule in held.rules {
        let list = |texts: &[std::sync::Arc<str>]| texts.iter().map(|text| json!(**text)).collect::<Vec<Value>>();
        if !rule.resources.is_empty() {
            let mut shown = json!({
                "verbs": list(&rule.verbs), "apiGroups": list(&rule.api_groups), "resources": list(&rule.resources),
            });
            if !rule.resource_names.is_empty() {
                shown.set("resourceNames", list(&rule.resource_names));
            }
            resource_rules.push(shown);
        }
        if !rule.non_resource_urls.is_empty() {
            let urls = list(&rule.non_resource_urls);
            other_rules.push(json!({"verbs": list(&rule.verbs), "nonResourceURLs": urls}));
        }
    }
    let mut status = json!({"resourceRules": resource_rules, "nonResourceRules": other_rules, "incomplete": false});
    if !held.errors.is_empty() {
        status.set("evaluationError", held.errors.join(", "));
    }
    review.set("metadata", json!({}));
    review.set("spec", json!({}));
    review.set("status", status);
    Ok(review)
}

fn status(allowed: bool, reason: &str) -> Value {
    match reason {
        "" => json!({"allowed": allowed}),
        reason => json!({"allowed": allowed, "reason": reason}),
    }
}

fn validate(review: &Value, about: About, namespace: &str) -> Errors {
    let spec = Path::new("spec");
    let given = |field: &str| review.at(field).filter(|value| !value.is_null());
    let (resource, path) = (given("spec.resourceAttributes"), given("spec.nonResourceAttributes"));
    let mut errors = Errors::new();
    if resource.is_some() == path.is_some() {
        let fault = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        errors.push(Error::invalid(&spec, path.map_or(Value::Null, dumped), fault));
    }
    errors.extend(resource.into_iter().flat_map(|resource| {
        let at = spec.child("resourceAttributes");
        ["fieldSelector", "labelSelector"].into_iter().filter_map(move |name| validate_selector(&at, resource, name))
    }));
    let subject = |field: &str| given(field).is_some_and(|value| value.as_str() != Some("") && *value != json!([]));
    if about != About::Oneself && !subject("spec.user") && !subject("spec.groups") {
        errors.push(Error::invalid(&spec.child("user"), "", "at least one of user or group must be specified"));
    }
    if about != About::AnyoneIn || !errors.is_empty() {
        return errors;
    }
    if let Some(path) = path {
        let fault = "disallowed on this kind of request";
        errors.push(Error::invalid(&spec.child("nonResourceAttributes"), dumped(path), fault));
    } else if review.str_at("spec.resourceAttributes.namespace") != namespace {
        let at = spec.child("resourceAttributes").child("namespace");
        let value = review.str_at("spec.resourceAttributes.namespace");
        errors.push(Error::invalid(&at, value, "must match metadata.namespace"));
    }
    errors
}

/// As upstream's own structs print.
fn dumped(path: &Value) -> Value {
    json!({"Path": path.str_at("path"), "Verb": path.str_at("verb")})
}

fn validate_selector(at: &Path, attributes: &Value, name: &str) -> Option<Error> {
    let selector = attributes.at(name)?;
    let raw = selector.str_at("rawSelector");
    let both = !raw.is_empty() && !selector.list_at("requirements").is_empty();
    let at = at.child(name).child("rawSelector");
    both.then(|| Error::invalid(&at, raw, "may not specified at the same time as requirements"))
}

/// Whether a selector of the review, if there is one, can be understood.
fn is_selector(review: &Value, name: &str) -> bool {
    let Some(selector) = review.at("spec.resourceAttributes").and_then(|attributes| attributes.at(name)) else {
        return true;
    };
    selector
        .list_at("requirements")
        .iter()
        .all(|requirement| matches!(requirement.str_at("operator"), "In" | "NotIn" | "Exists" | "DoesNotExist"))
}

fn subject(review: &Value) -> User {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let extra = review.at("spec.extra").and_then(Value::as_object).into_iter().flatten();
    User {
        name: review.str_at("spec.user").to_owned(),
        uid: review.str_at("spec.uid").to_owned(),
        groups: review.at("spec.groups").map(texts).unwrap_or_default(),
        extra: extra.map(|(key, values)| (key.to_lowercase(), texts(values))).collect(),
    }
}

fn attributes(review: &Value) -> RequestInfo {
    if review.at("spec.resourceAttributes").is_none_or(Value::is_null) {
        let text = |field: &str| review.str_at(&format!("spec.nonResourceAttributes.{field}")).to_owned();
        return RequestInfo { path: text("path"), verb: text("verb"), ..RequestInfo::default() };
    }
    let text = |field: &str| review.str_at(&format!("spec.resourceAttributes.{field}")).to_owned();
    RequestInfo {
        is_resource: true,
        verb: text("verb"),
        group: text("group"),
        version: text("version"),
        namespace: text("namespace"),
        resource: text("resource"),
        subresource: text("subresource"),
        name: text("name"),
        ..RequestInfo::default()
    }
}
