//! What of a pod may change once it is made (`ValidatePodUpdate`): hardly anything.

use serde_json::{Map, Value};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::changes::changes;
use crate::resources::core::pod::prepare::keep;
use crate::resources::core::pod::strategy::validate_whole;
use crate::resources::pod_template::{annotation, toleration};
use crate::validation::{each, entries, is_given, number};

const DEADLINE_SECONDS_MAX: i64 = i32::MAX as i64;

/// What may change, as the refusal names it.
const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What is wrong with a change through the main endpoint.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let null = Value::Null;
    let (new_spec, old_spec) = (new.at("spec").unwrap_or(&null), old.at("spec").unwrap_or(&null));
    let path = Path::new("spec");
    let mut errors = validate_whole(new);
    errors.extend(annotation::validate_update(&Path::new("metadata.annotations"), new, old));
    for list in ["containers", "initContainers"] {
        if new_spec.list_at(list).len() != old_spec.list_at(list).len() {
            errors.push(Error::forbidden(&path.child(list), "pod updates may not add or remove containers"));
            return errors;
        }
    }
    let deadline = validate_deadline(&path.child("activeDeadlineSeconds"), new_spec, old_spec);
    let stop = new_spec.i64_at("activeDeadlineSeconds").is_some() && !deadline.is_empty();
    errors.extend(deadline);
    if stop {
        return errors;
    }
    errors.extend(validate_tolerations(&path, new_spec, old_spec));
    errors.extend(validate_gates(&path, new_spec, old_spec));
    if new_spec == old_spec {
        return errors;
    }
    let mut rest = without_updatable(new_spec, old_spec);
    if is_given(old_spec.at("schedulingGates")) {
        errors.extend(validate_gated(&path, &mut rest, old_spec));
    }
    if rest != *old_spec {
        let changes = changes(old_spec, &rest);
        errors.push(Error::forbidden(
            &path,
            &format!("pod updates may not change fields other than {UPDATABLE}\n{changes}"),
        ));
    }
    errors
}

/// A deadline may come, and come nearer.
fn validate_deadline(path: &Path, new: &Value, old: &Value) -> Errors {
    match (new.i64_at("activeDeadlineSeconds"), old.i64_at("activeDeadlineSeconds")) {
        (Some(new), _) if !(0..=DEADLINE_SECONDS_MAX).contains(&new) => {
            vec![Error::invalid(path, new, &number::between(0, DEADLINE_SECONDS_MAX))]
        }
        (Some(new), Some(old)) if old < new => {
            vec![Error::invalid(path, new, "must be less than or equal to previous value")]
        }
        (None, Some(_)) => {
            vec![Error::invalid(path, Value::Null, "must not update from a positive integer to nil value")]
        }
        _ => Vec::new(),
    }
}

/// Tolerations may be added, and their seconds may change.
fn validate_tolerations(path: &Path, new: &Value, old: &Value) -> Errors {
    let without_seconds = |toleration: &Value| {
        let mut toleration = toleration.clone();
        toleration.remove("tolerationSeconds");
        toleration
    };
    let kept: Vec<Value> = new.list_at("tolerations").iter().map(without_seconds).collect();
    if old.list_at("tolerations").iter().any(|toleration| !kept.contains(&without_seconds(toleration))) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        return vec![Error::forbidden(&path.child("tolerations"), detail)];
    }
    toleration::validate(path, new)
}

/// Gates may only go away.
fn validate_gates(path: &Path, new: &Value, old: &Value) -> Errors {
    let known: Vec<&str> = old.list_at("schedulingGates").iter().map(|gate| gate.str_at("name")).collect();
    each(path, new, "schedulingGates")
        .filter(|(_, gate)| !known.contains(&gate.str_at("name")))
        .map(|(at, gate)| {
            let name = gate.str_at("name");
            let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            Error::forbidden(&at.child("name"), &detail)
        })
        .collect()
}

/// The new spec with the old values where a change was allowed or refused before.
fn without_updatable(new: &Value, old: &Value) -> Value {
    let mut rest = new.clone();
    for list in ["containers", "initContainers"] {
        let Some(containers) = rest.at_mut(list).and_then(Value::as_array_mut) else { continue };
        for (container, old) in containers.iter_mut().zip(old.list_at(list)) {
            keep(container, old, "image");
        }
    }
    for name in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        keep(&mut rest, old, name);
    }
    let was_negative = old.i64_at("terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0);
    if was_negative && rest.i64_at("terminationGracePeriodSeconds") == Some(1) {
        keep(&mut rest, old, "terminationGracePeriodSeconds");
    }
    rest
}

/// While gates hold a pod, what it wants of nodes may become narrower. What was looked at is set back in `rest`.
fn validate_gated(path: &Path, rest: &mut Value, old: &Value) -> Errors {
    let mut errors = Vec::new();
    if rest.at("nodeSelector") != old.at("nodeSelector") {
        let now = rest.at("nodeSelector").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        if entries(old.at("nodeSelector")).any(|(key, value)| now.get(key) != Some(value)) {
            let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
            errors.push(Error::invalid(&path.child("nodeSelector"), now, detail));
        }
        keep(rest, old, "nodeSelector");
    }
    if rest.at("affinity.nodeAffinity") != old.at("affinity.nodeAffinity") {
        let at = path.child("affinity").child("nodeAffinity");
        errors.extend(validate_narrower(&at, rest.at("affinity.nodeAffinity"), old.at("affinity.nodeAffinity")));
        match old.at("affinity.nodeAffinity") {
            Some(nodes) => rest.set("affinity.nodeAffinity", nodes.clone()),
            None => {
                rest.remove("affinity.nodeAffinity");
            }
        }
        let empty = rest.at("affinity").is_some_and(|a| !is_given(Some(a)));
        if empty && old.at("affinity").is_none() {
            rest.remove("affinity");
        }
    }
    errors
}

fn validate_narrower(path: &Path, new: Option<&Value>, old: Option<&Value>) -> Errors {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let null = Value::Null;
    let terms = |affinity: Option<&Value>| {
        affinity.and_then(|a| a.get(REQUIRED)).map(|r| r.list_at("nodeSelectorTerms").to_vec()).unwrap_or_default()
    };
    let at = path.child(REQUIRED);
    let (now, before) = (terms(new), terms(old));
    // Where nothing was required, anything is narrower.
    if before.is_empty() {
        return Vec::new();
    }
    if new.and_then(|a| a.get(REQUIRED)).is_none() {
        return vec![Error::invalid(
            &at,
            null,
            "no additions/deletions to non-empty NodeSelectorTerms list are allowed",
        )];
    }
    if now.len() != before.len() {
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        return vec![Error::invalid(&at.child("nodeSelectorTerms"), now, detail)];
    }
    let mut errors = Vec::new();
    for (i, (now, before)) in now.iter().zip(&before).enumerate() {
        let is_kept = |list: &str| {
            let (now, before) = (now.list_at(list), before.list_at(list));
            now.len() >= before.len() && now[..before.len()] == *before
        };
        let was_empty = !is_given(before.at("matchExpressions")) && !is_given(before.at("matchFields"));
        if (was_empty && now != before) || !is_kept("matchExpressions") || !is_kept("matchFields") {
            let detail = "only additions are allowed (no mutations or deletions)";
            errors.push(Error::invalid(&at.child("nodeSelectorTerms").index(i), now.clone(), detail));
        }
    }
    errors
}
