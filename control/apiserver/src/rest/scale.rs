//! `/scale`: the replicas of a workload as an `autoscaling/v1` Scale.

use serde_json::{Value, json};

use crate::error::Failure;
use crate::field;
use crate::object::Fields;

/// The Scale of a workload.
pub fn of(parent: &Value) -> Value {
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = parent.at("metadata").and_then(|metadata| metadata.get(key)) {
            metadata[key] = value.clone();
        }
    }
    let mut status = json!({"replicas": parent.i64_at("status.replicas").unwrap_or(0)});
    let selector = selector_text(parent.at("spec.selector"));
    if !selector.is_empty() {
        status["selector"] = selector.into();
    }
    let mut spec = json!({});
    if let Some(replicas) = parent.i64_at("spec.replicas").filter(|replicas| *replicas != 0) {
        spec["replicas"] = replicas.into();
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
}

/// The workload with a Scale's replicas.
///
/// # Errors
/// 422 about the Scale.
pub fn apply(parent: &Value, scale: &Value) -> Result<Value, Failure> {
    let replicas = scale.i64_at("spec.replicas").unwrap_or(0);
    if replicas < 0 {
        let path = field::Path::new("spec.replicas");
        let error = field::Error::invalid(&path, replicas, "must be greater than or equal to 0");
        return Err(Failure::invalid("autoscaling", "Scale", scale.str_at("metadata.name"), &[error]));
    }
    let mut changed = parent.clone();
    changed.set("spec.replicas", replicas);
    match scale.str_at("metadata.resourceVersion") {
        "" => changed.remove("metadata.resourceVersion"),
        version => {
            changed.set("metadata.resourceVersion", version);
            None
        }
    };
    Ok(changed)
}

/// A selector as a list's `labelSelector` has it.
fn selector_text(selector: Option<&Value>) -> String {
    let Some(selector) = selector.and_then(Value::as_object) else { return String::new() };
    let is_label_selector = selector.contains_key("matchLabels") || selector.contains_key("matchExpressions");
    let labels =
        if is_label_selector { selector.get("matchLabels").and_then(Value::as_object) } else { Some(selector) };
    let mut terms: Vec<(String, String)> = Vec::new();
    for (key, value) in labels.into_iter().flatten() {
        terms.push((key.clone(), format!("{key}={}", value.as_str().unwrap_or_default())));
    }
    for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = expression.str_at("key");
        let mut values: Vec<&str> = expression.list_at("values").iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let term = match expression.str_at("operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        };
        terms.push((key.to_owned(), term));
    }
    terms.sort_by(|left, right| left.0.cmp(&right.0));
    terms.into_iter().map(|(_, term)| term).collect::<Vec<_>>().join(",")
}
