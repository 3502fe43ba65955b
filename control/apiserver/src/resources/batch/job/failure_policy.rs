//! `podFailurePolicy`: what the failure of a pod means for its job.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Kind, Path};
use crate::object::Fields;
use crate::validation::{check, names, one_of};

const RULES_MAX: usize = 20;
const PATTERNS_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;
const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
const STATUSES: &[&str] = &["False", "True", "Unknown"];

/// What is wrong with the policy, if there is one.
pub(super) fn validate(object: &Value) -> Errors {
    let path = Path::new("spec.podFailurePolicy.rules");
    let rules = object.list_at("spec.podFailurePolicy.rules");
    let mut errors = Errors::new();
    if rules.len() > RULES_MAX {
        errors.push(Error::too_many(&path, rules.len(), RULES_MAX));
    }
    let lists = ["spec.template.spec.containers", "spec.template.spec.initContainers"];
    let containers: BTreeSet<&str> =
        lists.iter().flat_map(|list| object.list_at(list)).map(|container| container.str_at("name")).collect();
    let per_index = object.i64_at("spec.backoffLimitPerIndex").is_some();
    for (i, rule) in rules.iter().enumerate() {
        errors.extend(validate_rule(&path.index(i), rule, &containers, per_index));
    }
    errors
}

fn required(path: &Path, values: &[&str]) -> Error {
    Error::required(path, &format!("valid values: {values:?}").replace("\", \"", "\" \""))
}

fn validate_rule(path: &Path, rule: &Value, containers: &BTreeSet<&str>, per_index: bool) -> Errors {
    let at = path.child("action");
    let mut errors = match rule.str_at("action") {
        "" => vec![required(&at, ACTIONS)],
        "FailIndex" if !per_index => {
            vec![Error::invalid(&at, "FailIndex", "requires the backoffLimitPerIndex to be set")]
        }
        action => one_of(&at, action, ACTIONS),
    };
    let codes = rule.at("onExitCodes").filter(|codes| codes.is_object());
    let conditions = rule.list_at("onPodConditions");
    errors.extend(codes.into_iter().flat_map(|c| validate_exit_codes(&path.child("onExitCodes"), c, containers)));
    errors.extend(validate_conditions(&path.child("onPodConditions"), conditions));
    // Upstream shows no value here.
    let wrong = |what: &str| Error::new(Kind::Invalid, path, format!("Invalid value: specifying {what}"));
    match (codes.is_some(), !conditions.is_empty()) {
        (true, true) => errors.push(wrong("both OnExitCodes and OnPodConditions is not supported")),
        (false, false) => errors.push(wrong("one of OnExitCodes and OnPodConditions is required")),
        (true, false) | (false, true) => {}
    }
    errors
}

fn validate_conditions(path: &Path, patterns: &[Value]) -> Errors {
    let mut errors = Errors::new();
    if patterns.len() > PATTERNS_MAX {
        errors.push(Error::too_many(path, patterns.len(), PATTERNS_MAX));
    }
    for (i, pattern) in patterns.iter().enumerate() {
        let path = path.index(i);
        errors.extend(check(&path.child("type"), pattern.str_at("type"), names::qualified_name));
        errors.extend(match pattern.str_at("status") {
            "" => vec![required(&path.child("status"), STATUSES)],
            status => one_of(&path.child("status"), status, STATUSES),
        });
    }
    errors
}

fn validate_exit_codes(path: &Path, codes: &Value, containers: &BTreeSet<&str>) -> Errors {
    const OPERATORS: &[&str] = &["In", "NotIn"];
    let mut errors = match codes.str_at("operator") {
        "" => vec![required(&path.child("operator"), OPERATORS)],
        operator => one_of(&path.child("operator"), operator, OPERATORS),
    };
    if let Some(name) = codes.at("containerName").and_then(Value::as_str).filter(|name| !containers.contains(name)) {
        let fault = "must be one of the container or initContainer names in the pod template";
        errors.push(Error::invalid(&path.child("containerName"), name, fault));
    }
    let path = path.child("values");
    let values: Vec<i64> = codes.list_at("values").iter().filter_map(Value::as_i64).collect();
    match values.len() {
        0 => errors.push(Error::invalid(&path, codes.list_at("values").to_vec(), "at least one value is required")),
        count if count > EXIT_CODES_MAX => errors.push(Error::too_many(&path, count, EXIT_CODES_MAX)),
        _ => {}
    }
    let mut seen = BTreeSet::new();
    for (i, value) in values.iter().enumerate() {
        if *value == 0 && codes.str_at("operator") == "In" {
            errors.push(Error::invalid(&path.index(i), 0, "must not be 0 for the In operator"));
        }
        if !seen.insert(value) {
            errors.push(Error::duplicate(&path.index(i), *value));
        }
    }
    if !values.is_sorted() {
        errors.push(Error::invalid(&path, codes.list_at("values").to_vec(), "must be ordered"));
    }
    errors
}
