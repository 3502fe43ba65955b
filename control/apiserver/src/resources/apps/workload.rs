//! What all kinds that make pods from a template share: the selector must fit the template, counts must fit each other.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template;
use crate::validation::{names, selector};

/// The text for a selector that does not select the template's pods.
pub const NO_MATCH: &str = "`selector` does not match template `labels`";

/// What upstream's messages about a selector and its template call the kind, and what they say.
pub struct Words {
    /// `deployment`, in the refusal of an empty selector.
    pub kind: &'static str,
    /// `ReplicaSet`, in the refusal of a deadline.
    pub template_of: &'static str,
    /// What is said of a selector that is wrong; may be empty.
    pub bad_selector: &'static str,
}

/// The words for Deployments and ReplicaSets.
pub const REPLICAS: Words =
    Words { kind: "deployment", template_of: "ReplicaSet", bad_selector: "invalid label selector" };

/// A selector that must be there and not be empty, and the template it must select.
pub fn validate_selector_and_template(object: &Value, words: &Words) -> Errors {
    let path = Path::new("spec.selector");
    let given = object.at("spec.selector").filter(|selector| !selector.is_null());
    let mut errors = match given {
        None => vec![Error::required(&path, "")],
        Some(_) => selector::validate(&path, given),
    };
    let is_valid = given.is_none() || errors.is_empty();
    if let Some(value) = given.filter(|_| selector::is_empty(given)) {
        let fault = format!("empty selector is invalid for {}", words.kind);
        errors.push(Error::invalid(&path, value.clone(), &fault));
    }
    match given {
        Some(value) if !is_valid => errors.push(Error::invalid(&path, value.clone(), words.bad_selector)),
        _ => errors.extend(validate_template(object, words)),
    }
    errors
}

/// The template of pods that always run again, and that the selector selects.
fn validate_template(object: &Value, words: &Words) -> Errors {
    let template = object.at("spec.template").unwrap_or(&Value::Null);
    let mut errors: Errors = validate_match(object).into_iter().collect();
    errors.extend(pod_template::validate(&Path::new("spec.template"), template));
    errors.extend(validate_runs_always(template, words.template_of));
    errors
}

/// Errors unless the pods of a template run again whenever they end.
pub fn validate_runs_always(template: &Value, template_of: &str) -> Errors {
    let path = Path::new("spec.template.spec");
    let mut errors = Errors::new();
    let policy = template.str_at("spec.restartPolicy");
    if policy != "Always" {
        errors.push(Error::not_supported(&path.child("restartPolicy"), policy, &["Always"]));
    }
    if template.at("spec.activeDeadlineSeconds").is_some_and(|seconds| !seconds.is_null()) {
        let fault = format!("activeDeadlineSeconds in {template_of} is not Supported");
        errors.push(Error::forbidden(&path.child("activeDeadlineSeconds"), &fault));
    }
    errors
}

/// An error unless the selector selects the template's labels.
pub fn validate_match(object: &Value) -> Option<Error> {
    let labels = object.at("spec.template.metadata.labels").filter(|labels| !labels.is_null());
    let matches = selector::matches(object.at("spec.selector"), labels.or(Some(&Value::Null)));
    (!matches).then(|| {
        let value = labels.cloned().unwrap_or_default();
        Error::invalid(&Path::new("spec.template.metadata.labels"), value, NO_MATCH)
    })
}

/// An error if a field of the spec changed.
pub fn validate_immutable(new: &Value, old: &Value, field: &str) -> Option<Error> {
    let path = format!("spec.{field}");
    (new.at(&path) != old.at(&path)).then(|| {
        let value = new.at(&path).cloned().unwrap_or_default();
        Error::invalid(&Path::new(&path), value, "field is immutable")
    })
}

/// Errors for each of `fields` of the status that is below zero.
pub fn validate_counts(object: &Value, fields: &[&str]) -> Errors {
    let path = Path::new("status");
    let count = |field: &str| object.i64_at(&format!("status.{field}"));
    fields.iter().flat_map(|field| crate::validation::number::non_negative(&path.child(field), count(field))).collect()
}

/// Errors for each of `fields` of the status that counts more pods than there are, or than are ready; `ready` is what
/// the message calls those.
pub fn validate_parts(object: &Value, fields: &[&str], ready: &str) -> Errors {
    let path = Path::new("status");
    let count = |field: &str| object.i64_at(&format!("status.{field}")).unwrap_or_default();
    let too_many = |field: &str, fault: &str| Error::invalid(&path.child(field), count(field), fault);
    let mut errors: Errors = fields
        .iter()
        .filter(|field| count(field) > count("replicas"))
        .map(|field| too_many(field, "cannot be greater than status.replicas"))
        .collect();
    if count("availableReplicas") > count("readyReplicas") {
        errors.push(too_many("availableReplicas", &format!("cannot be greater than {ready}")));
    }
    errors
}

/// Warnings about a workload: its name goes into host names, its template into pods.
pub fn warnings(object: &Value, old: Option<&Value>) -> Vec<String> {
    let name = object.str_at("metadata.name");
    let faults = if old.is_none() { names::dns_label(name) } else { Vec::new() };
    let advice = (!faults.is_empty()).then(|| {
        let what = "this is used in Pod names and hostnames, which can result in surprising behavior; \
                    a DNS label is recommended";
        format!("metadata.name: {what}: [{}]", faults.join(" "))
    });
    let unchanged = old.is_some_and(|old| old.at("spec.template") == object.at("spec.template"));
    let template = object.at("spec.template").filter(|_| !unchanged);
    let path = Path::new("spec.template");
    let of_template = template.map(|template| pod_template::warning::warnings(&path, template)).unwrap_or_default();
    advice.into_iter().chain(of_template).collect()
}
