//! What the server writes into a pod as it is made or changed, and what it does not let through.

use serde_json::{Value, json};

use crate::object::Fields;
use crate::registry::resource::Now;
use crate::resources::core::pod::qos;
use crate::schema::time::{Precision, format};
use crate::validation::{is_given, member};

/// A new pod has a status of the server's making only.
pub(super) fn create(pod: &mut Value, now: Now) {
    pod.set("metadata.generation", 1);
    let class = qos::class(pod.at("spec").unwrap_or(&Value::Null));
    pod.set("status", json!({"phase": "Pending", "qosClass": class}));
    positive_grace(pod);
    if is_given(pod.at("spec.schedulingGates")) {
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastProbeTime": null, "lastTransitionTime": format(now.0, Precision::Seconds),
        });
        pod.set("status.conditions", vec![condition]);
    }
    own_labels(pod);
}

/// Through the main endpoint the status stays, and a change of the spec counts.
pub(super) fn update(new: &mut Value, old: &Value) {
    keep(new, old, "status");
    positive_grace(new);
    count(new, old);
}

/// Raises the generation if the spec changed.
pub(super) fn count(new: &mut Value, old: &Value) {
    let changed = i64::from(new.at("spec") != old.at("spec"));
    match old.i64_at("metadata.generation") {
        Some(generation) => new.set("metadata.generation", generation + changed),
        None if changed == 1 => new.set("metadata.generation", 1),
        None => {
            new.remove("metadata.generation");
        }
    }
}

/// Puts what is at `path` of the old object into the new one, or nothing if there was nothing.
pub(super) fn keep(new: &mut Value, old: &Value, path: &str) {
    match old.at(path) {
        Some(value) => new.set(path, value.clone()),
        None => {
            new.remove(path);
        }
    }
}

/// A negative grace period is a second.
fn positive_grace(pod: &mut Value) {
    if pod.i64_at("spec.terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        pod.set("spec.terminationGracePeriodSeconds", 1);
    }
}

/// `matchLabelKeys` stand for the pod's own values of these labels: the selectors get them spelled out.
fn own_labels(pod: &mut Value) {
    let labels = pod.at("metadata.labels").cloned().unwrap_or(Value::Null);
    for kind in ["podAffinity", "podAntiAffinity"] {
        let terms = format!("spec.affinity.{kind}.requiredDuringSchedulingIgnoredDuringExecution");
        for term in list_mut(pod, &terms) {
            spell_out(term, &labels);
        }
        let terms = format!("spec.affinity.{kind}.preferredDuringSchedulingIgnoredDuringExecution");
        for term in list_mut(pod, &terms) {
            if let Some(term) = term.at_mut("podAffinityTerm") {
                spell_out(term, &labels);
            }
        }
    }
    for constraint in list_mut(pod, "spec.topologySpreadConstraints") {
        spell_out(constraint, &labels);
    }
}

fn spell_out(term: &mut Value, labels: &Value) {
    if member(term, "labelSelector").is_none() {
        return;
    }
    let mut expressions = term.list_at("labelSelector.matchExpressions").to_vec();
    for (list, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        for key in term.list_at(list) {
            let Some(value) = key.as_str().and_then(|key| labels.get(key)) else { continue };
            expressions.push(json!({"key": key, "operator": operator, "values": [value]}));
        }
    }
    if !expressions.is_empty() {
        term.set("labelSelector.matchExpressions", expressions);
    }
}

fn list_mut<'a>(value: &'a mut Value, path: &str) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    value.at_mut(path).and_then(Value::as_array_mut).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn match_label_keys_become_expressions_over_the_pods_own_labels() {
        let mut pod = json!({"metadata": {"labels": {"v": "1"}}, "spec": {"topologySpreadConstraints": [
            {"labelSelector": {}, "matchLabelKeys": ["v", "missing"]}]}});
        own_labels(&mut pod);
        assert_eq!(
            pod.at("spec.topologySpreadConstraints"),
            Some(&json!([{"matchLabelKeys": ["v", "missing"], "labelSelector": {
                "matchExpressions": [{"key": "v", "operator": "In", "values": ["1"]}]}}]))
        );
    }

    #[test]
    fn only_a_change_of_the_spec_counts() {
        let old = json!({"metadata": {"generation": 3}, "spec": {"a": 1}});
        let mut same = json!({"metadata": {"labels": {}}, "spec": {"a": 1}});
        count(&mut same, &old);
        assert_eq!(same.i64_at("metadata.generation"), Some(3));
        let mut other = json!({"metadata": {}, "spec": {"a": 2}});
        count(&mut other, &old);
        assert_eq!(other.i64_at("metadata.generation"), Some(4));
    }
}
