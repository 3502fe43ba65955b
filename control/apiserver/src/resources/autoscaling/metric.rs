//! What is wrong with one metric of an autoscaler: its kind, its part, and what it aims at.

use serde_json::Value;

use super::validate::validate_reference;
use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::schema::Quantity;
use crate::validation::{check, member, names, one_of, quantity};

/// The types of metrics and the part that each has, in the order in which parts are looked at.
const PARTS: [(&str, &str); 5] = [
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];
const TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];

/// What is wrong with one metric. Only the first part that is there is looked into.
pub(super) fn validate(path: &Path, metric: &Value) -> Errors {
    let kind = metric.str_at("type");
    let mut errors = Errors::new();
    if kind.is_empty() {
        errors.push(Error::required(&path.child("type"), "must specify a metric source type"));
    }
    errors.extend(one_of(&path.child("type"), kind, &TYPES));
    let present: Vec<&str> =
        PARTS.iter().map(|(_, part)| *part).filter(|part| member(metric, part).is_some()).collect();
    if let Some(part) = present.first() {
        errors.extend(validate_part(&path.child(part), part, &metric[*part]));
    }
    let expected = PARTS.iter().find(|(of, _)| *of == kind).map(|(_, part)| *part);
    if let Some(part) = expected.filter(|part| !present.contains(part)) {
        errors.push(Error::required(&path.child(part), "must populate information for the given metric source"));
    }
    if present.len() > 1 {
        let others = present.iter().filter(|part| Some(**part) != expected);
        let what = "must populate the given metric source only";
        errors.extend(others.map(|part| Error::forbidden(&path.child(part), what)));
    }
    errors
}

fn validate_part(path: &Path, part: &str, source: &Value) -> Errors {
    let mut errors = match part {
        "object" => validate_reference(&path.child("describedObject"), &source["describedObject"]),
        _ => Errors::new(),
    };
    match part {
        "object" | "external" | "pods" => errors.extend(validate_name(&path.child("metric"), source)),
        _ if source.str_at("name").is_empty() => {
            errors.push(Error::required(&path.child("name"), "must specify a resource name"));
        }
        _ => {}
    }
    if part == "containerResource" && source.str_at("container").is_empty() {
        errors.push(Error::required(&path.child("container"), "must specify a container"));
    }
    let (at, empty) = (path.child("target"), Value::Null);
    let target = source.get("target").unwrap_or(&empty);
    errors.extend(validate_target(&at, target));
    errors.extend(validate_aim(&at, part, target));
    errors
}

fn validate_name(path: &Path, source: &Value) -> Errors {
    match source.str_at("metric.name") {
        "" => vec![Error::required(&path.child("name"), "must specify a metric name")],
        name => check(&path.child("name"), name, names::path_segment),
    }
}

/// The values of a target by themselves.
fn validate_target(path: &Path, target: &Value) -> Errors {
    let kind = target.str_at("type");
    let mut errors = Errors::new();
    if kind.is_empty() {
        errors.push(Error::required(&path.child("type"), "must specify a metric target type"));
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        let what = "must be either Utilization, Value, or AverageValue";
        errors.push(Error::invalid(&path.child("type"), kind, what));
    }
    for field in ["value", "averageValue"] {
        if let Some(amount) = member(target, field).filter(|amount| !is_positive(amount)) {
            errors.push(Error::invalid(&path.child(field), amount.clone(), "must be positive"));
        }
    }
    if let Some(percent) = target.i64_at("averageUtilization").filter(|percent| *percent < 1) {
        errors.push(Error::invalid(&path.child("averageUtilization"), percent, "must be greater than 0"));
    }
    errors
}

/// Which values a target must have, given what is measured.
fn validate_aim(path: &Path, part: &str, target: &Value) -> Option<Error> {
    let has = |field: &str| member(target, field).is_some();
    let average = path.child("averageValue");
    match (part, has("value"), has("averageValue"), has("averageUtilization")) {
        ("pods", ..) => {
            let good = member(target, "averageValue").is_some_and(is_positive);
            (!good).then(|| Error::required(&average, "must specify a positive target averageValue"))
        }
        ("object" | "external", false, false, _) => {
            Some(Error::required(&average, "must set either a target value for metric or a per-pod target"))
        }
        ("external", true, true, _) => {
            let what = "may not set both a target value for metric and a per-pod target";
            Some(Error::forbidden(&path.child("value"), what))
        }
        ("resource" | "containerResource", _, false, false) => {
            let what = "must set either a target raw value or a target utilization";
            Some(Error::required(&path.child("averageUtilization"), what))
        }
        ("resource" | "containerResource", _, true, true) => {
            Some(Error::forbidden(&average, "may not set both a target raw value and a target utilization"))
        }
        _ => None,
    }
}

fn is_positive(amount: &Value) -> bool {
    quantity::of(amount) > Quantity::from_units(0)
}
