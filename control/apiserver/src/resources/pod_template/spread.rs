//! How evenly pods spread over the values of a node label.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::affinity::validate_keys;
use crate::validation::{each, one_of, selector};

/// `topologySpreadConstraints`.
pub fn validate(path: &Path, spec: &Value) -> Errors {
    let all = spec.list_at("topologySpreadConstraints");
    let mut errors = Vec::new();
    for (i, (at, constraint)) in each(path, spec, "topologySpreadConstraints").enumerate() {
        errors.extend(validate_one(&at, constraint, &all[i + 1..]));
    }
    errors
}

fn validate_one(path: &Path, constraint: &Value, later: &[Value]) -> Errors {
    let mut errors = Vec::new();
    let skew = constraint.i64_at("maxSkew").unwrap_or(0);
    if skew <= 0 {
        errors.push(Error::invalid(&path.child("maxSkew"), skew, "must be greater than zero"));
    }
    let (key, action) = (constraint.str_at("topologyKey"), constraint.str_at("whenUnsatisfiable"));
    if key.is_empty() {
        errors.push(Error::required(&path.child("topologyKey"), "can not be empty"));
    }
    errors.extend(one_of(&path.child("whenUnsatisfiable"), action, &["DoNotSchedule", "ScheduleAnyway"]));
    if later.iter().any(|other| other.str_at("topologyKey") == key && other.str_at("whenUnsatisfiable") == action) {
        let pair = format!("{{{key}, {action}}}");
        errors.push(Error::duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), pair));
    }
    if let Some(domains) = constraint.i64_at("minDomains") {
        let at = path.child("minDomains");
        if domains <= 0 {
            errors.push(Error::invalid(&at, domains, "must be greater than zero"));
        }
        if action != "DoNotSchedule" {
            let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            errors.push(Error::invalid(&at, domains, &detail));
        }
    }
    for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        if let Some(policy) = constraint.at(name).and_then(Value::as_str) {
            errors.extend(one_of(&path.child(name), policy, &["Honor", "Ignore"]));
        }
    }
    errors.extend(validate_keys(path, constraint, "matchLabelKeys"));
    errors.extend(selector::validate(&path.child("labelSelector"), constraint.at("labelSelector")));
    errors
}
