//! Which nodes and which neighbors a pod wants or avoids.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{check, each, member, names, selector};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const BAD_OPERATOR: &str = "not a valid selector operator";

/// Whether the values of node labels must be valid: those of preferred terms never had to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Values {
    Checked,
    Unchecked,
}

/// `affinity`.
pub fn validate(path: &Path, spec: &Value) -> Errors {
    let Some(affinity) = member(spec, "affinity") else { return Vec::new() };
    let path = path.child("affinity");
    let mut errors = Vec::new();
    if let Some(nodes) = member(affinity, "nodeAffinity") {
        errors.extend(validate_nodes(&path.child("nodeAffinity"), nodes));
    }
    for name in ["podAffinity", "podAntiAffinity"] {
        if let Some(pods) = member(affinity, name) {
            errors.extend(validate_pods(&path.child(name), pods));
        }
    }
    errors
}

/// A selector of nodes (`ValidateNodeSelector`), which volumes have too.
pub fn validate_node_selector(path: &Path, node_selector: &Value) -> Errors {
    if node_selector.list_at("nodeSelectorTerms").is_empty() {
        let detail = "must have at least one node selector term";
        return vec![Error::required(&path.child("nodeSelectorTerms"), detail)];
    }
    each(path, node_selector, "nodeSelectorTerms")
        .flat_map(|(at, term)| validate_node_term(&at, term, Values::Checked))
        .collect()
}

fn validate_nodes(path: &Path, nodes: &Value) -> Errors {
    let mut errors = Vec::new();
    if let Some(required) = member(nodes, REQUIRED) {
        errors.extend(validate_node_selector(&path.child(REQUIRED), required));
    }
    for (at, preferred) in each(path, nodes, PREFERRED) {
        errors.extend(validate_weight(&at, preferred));
        let term = preferred.at("preference").unwrap_or(&Value::Null);
        errors.extend(validate_node_term(&at.child("preference"), term, Values::Unchecked));
    }
    errors
}

fn validate_node_term(path: &Path, term: &Value, values: Values) -> Errors {
    let mut errors = Vec::new();
    for (at, requirement) in each(path, term, "matchExpressions") {
        errors.extend(validate_expression(&at, requirement, values));
    }
    for (at, requirement) in each(path, term, "matchFields") {
        errors.extend(validate_node_field(&at, requirement));
    }
    errors
}

fn validate_expression(path: &Path, requirement: &Value, values: Values) -> Errors {
    let list = requirement.list_at("values");
    let at = path.child("values");
    let mut errors = Vec::new();
    match requirement.str_at("operator") {
        "In" | "NotIn" if list.is_empty() => {
            errors.push(Error::required(&at, "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if !list.is_empty() => {
            errors.push(Error::forbidden(&at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        "Gt" | "Lt" if list.len() != 1 => {
            errors.push(Error::required(&at, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.push(Error::invalid(&path.child("operator"), other, BAD_OPERATOR)),
    }
    errors.extend(check(&path.child("key"), requirement.str_at("key"), names::qualified_name));
    if values == Values::Checked {
        for (at, value) in each(path, requirement, "values") {
            errors.extend(check(&at, value.as_str().unwrap_or_default(), names::label_value));
        }
    }
    errors
}

fn validate_node_field(path: &Path, requirement: &Value) -> Errors {
    let mut errors = Vec::new();
    match requirement.str_at("operator") {
        "In" | "NotIn" if requirement.list_at("values").len() != 1 => {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(Error::required(&path.child("values"), detail));
        }
        "In" | "NotIn" => {}
        other => errors.push(Error::invalid(&path.child("operator"), other, BAD_OPERATOR)),
    }
    match requirement.str_at("key") {
        "metadata.name" => {
            for (at, value) in each(path, requirement, "values") {
                errors.extend(check(&at, value.as_str().unwrap_or_default(), names::dns_subdomain));
            }
        }
        other => errors.push(Error::invalid(&path.child("key"), other, "not a valid field selector key")),
    }
    errors
}

fn validate_pods(path: &Path, pods: &Value) -> Errors {
    let mut errors = Vec::new();
    for (at, term) in each(path, pods, REQUIRED) {
        errors.extend(validate_pod_term(&at, term));
    }
    for (at, preferred) in each(path, pods, PREFERRED) {
        errors.extend(validate_weight(&at, preferred));
        let term = preferred.at("podAffinityTerm").unwrap_or(&Value::Null);
        errors.extend(validate_pod_term(&at.child("podAffinityTerm"), term));
    }
    errors
}

fn validate_pod_term(path: &Path, term: &Value) -> Errors {
    let mut errors = selector::validate(&path.child("labelSelector"), term.at("labelSelector"));
    errors.extend(selector::validate(&path.child("namespaceSelector"), term.at("namespaceSelector")));
    for namespace in term.list_at("namespaces") {
        let name = namespace.as_str().unwrap_or_default();
        errors.extend(check(&path.child("namespace"), name, names::dns_label));
    }
    errors.extend(validate_label_keys(path, term));
    let key = term.str_at("topologyKey");
    if key.is_empty() {
        errors.push(Error::required(&path.child("topologyKey"), "can not be empty"));
    }
    errors.extend(check(&path.child("topologyKey"), key, names::qualified_name));
    errors
}

/// `matchLabelKeys` and `mismatchLabelKeys`: label keys, in one of the lists, and of use only beside a selector.
fn validate_label_keys(path: &Path, term: &Value) -> Errors {
    let mut errors = Vec::new();
    for name in ["matchLabelKeys", "mismatchLabelKeys"] {
        errors.extend(validate_keys(path, term, name));
    }
    for (at, key) in each(path, term, "matchLabelKeys") {
        if term.list_at("mismatchLabelKeys").contains(key) {
            errors.push(Error::invalid(&at, key.clone(), "exists in both matchLabelKeys and mismatchLabelKeys"));
        }
    }
    errors
}

/// A list of label keys that the pod's own values are read for.
pub fn validate_keys(path: &Path, holder: &Value, name: &str) -> Errors {
    let keys = holder.list_at(name);
    if keys.is_empty() {
        return Vec::new();
    }
    if member(holder, "labelSelector").is_none() {
        return vec![Error::forbidden(&path.child(name), "must not be specified when labelSelector is not set")];
    }
    each(path, holder, name)
        .flat_map(|(at, key)| check(&at, key.as_str().unwrap_or_default(), names::qualified_name))
        .collect()
}

fn validate_weight(path: &Path, preferred: &Value) -> Errors {
    let weight = preferred.i64_at("weight").unwrap_or(0);
    if (1..=100).contains(&weight) {
        return Vec::new();
    }
    vec![Error::invalid(&path.child("weight"), weight, "must be in the range 1-100")]
}
