//! What is wrong with an autoscaler (`pkg/apis/autoscaling/validation`).

use serde_json::Value;

use super::metric;
use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::apps::workload;
use crate::validation::{check, each, member, names, one_of, quantity};

/// The longest time that the past counts.
const WINDOW_SECONDS_MAX: i64 = 3600;
/// The longest time over which a policy limits.
const PERIOD_SECONDS_MAX: i64 = 1800;

/// What is wrong with the spec.
pub(super) fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let spec = object.at("spec").unwrap_or(&Value::Null);
    let (least, most) = (spec.i64_at("minReplicas"), spec.i64_at("maxReplicas").unwrap_or_default());
    let at = path.child("maxReplicas");
    let mut errors = crate::validation::number::non_negative(&path.child("minReplicas"), least);
    if least.is_some_and(|least| most < least) {
        errors.push(Error::invalid(&at, most, "must be greater than or equal to `minReplicas`"));
    }
    let target = spec.get("scaleTargetRef").unwrap_or(&Value::Null);
    errors.extend(validate_reference(&path.child("scaleTargetRef"), target));
    errors.extend(validate_target_version(&path.child("scaleTargetRef.apiVersion"), target));
    errors.extend(validate_metrics(&path, spec));
    for direction in ["scaleUp", "scaleDown"] {
        if let Some(rules) = spec.at("behavior").and_then(|behavior| member(behavior, direction)) {
            errors.extend(validate_rules(&path.child("behavior").child(direction), rules));
        }
    }
    match most {
        0 => errors.push(Error::required(&at, "")),
        ..0 => errors.push(Error::invalid(&at, most, "must be greater than or equal to 1")),
        _ => {}
    }
    errors
}

/// What is wrong with the status.
pub(super) fn validate_status(object: &Value) -> Errors {
    workload::validate_counts(object, &["currentReplicas", "desiredReplicas"])
}

/// The kind and name of another object.
pub(super) fn validate_reference(path: &Path, reference: &Value) -> Errors {
    let one = |field: &str| match reference.str_at(field) {
        "" => vec![Error::required(&path.child(field), "")],
        text => check(&path.child(field), text, names::path_segment),
    };
    [one("kind"), one("name")].concat()
}

/// Only groups have kinds that scale; ReplicationControllers are the exception.
fn validate_target_version(path: &Path, target: &Value) -> Errors {
    let version = target.str_at("apiVersion");
    match version.matches('/').count() {
        2.. => vec![Error::invalid(path, version, &format!("unexpected GroupVersion string: {version}"))],
        0 if target.str_at("kind") != "ReplicationController" => {
            vec![Error::invalid(path, version, "apiVersion must specify API group")]
        }
        _ => Vec::new(),
    }
}

fn validate_metrics(path: &Path, spec: &Value) -> Errors {
    let mut errors: Errors = each(path, spec, "metrics").flat_map(|(at, one)| metric::validate(&at, one)).collect();
    let wakes = |metric: &Value| matches!(metric.str_at("type"), "Object" | "External");
    if spec.i64_at("minReplicas") == Some(0) && !spec.list_at("metrics").iter().any(wakes) {
        let what = "must specify at least one Object or External metric to support scaling to zero replicas";
        errors.push(Error::forbidden(&path.child("metrics"), what));
    }
    errors
}

fn validate_rules(path: &Path, rules: &Value) -> Errors {
    let mut errors = Errors::new();
    let window = rules.i64_at("stabilizationWindowSeconds").unwrap_or_default();
    let at = path.child("stabilizationWindowSeconds");
    if window < 0 {
        errors.push(Error::invalid(&at, window, "must be greater than or equal to zero"));
    }
    if window > WINDOW_SECONDS_MAX {
        errors.push(Error::invalid(&at, window, &format!("must be less than or equal to {WINDOW_SECONDS_MAX}")));
    }
    if let Some(text) = member(rules, "selectPolicy").and_then(Value::as_str) {
        errors.extend(one_of(&path.child("selectPolicy"), text, &["Disabled", "Max", "Min"]));
    }
    if rules.list_at("policies").is_empty() {
        errors.push(Error::required(&path.child("policies"), "must specify at least one Policy"));
    }
    errors.extend(each(path, rules, "policies").flat_map(|(at, policy)| validate_policy(&at, policy)));
    if let Some(tolerance) = member(rules, "tolerance") {
        errors.extend(quantity::validate_non_negative(&path.child("tolerance"), tolerance));
    }
    errors
}

fn validate_policy(path: &Path, policy: &Value) -> Errors {
    let mut errors = one_of(&path.child("type"), policy.str_at("type"), &["Percent", "Pods"]);
    for field in ["value", "periodSeconds"] {
        let number = policy.i64_at(field).unwrap_or_default();
        if number <= 0 {
            errors.push(Error::invalid(&path.child(field), number, "must be greater than zero"));
        }
    }
    let period = policy.i64_at("periodSeconds").unwrap_or_default();
    if period > PERIOD_SECONDS_MAX {
        let what = format!("must be less than or equal to {PERIOD_SECONDS_MAX}");
        errors.push(Error::invalid(&path.child("periodSeconds"), period, &what));
    }
    errors
}
