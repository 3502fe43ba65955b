//! `/binding`: gives a pod its node. The scheduler's one write.

use http::StatusCode;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::Now;
use crate::schema::time::{Precision, format};
use crate::validation::entries;

/// Checks a Binding for the pod `name` of the URL, before the pod is looked at.
///
/// # Errors
/// 400 for another name, 500 without a reason for a target that is no node: that is upstream's.
pub fn check(binding: &Value, name: &str) -> Result<(), Failure> {
    if binding.str_at("metadata.name") != name {
        return Err(Failure::bad_request("name in URL does not match name in Binding object"));
    }
    let errors = validate_target(binding);
    if errors.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let message = if texts.len() == 1 { texts.concat() } else { format!("[{}]", texts.join(", ")) };
    Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message))
}

/// Binds `pod`: node name, labels and annotations of the Binding, and the condition `PodScheduled`.
///
/// # Errors
/// 409 for a pod that has a node, is being deleted or is held by scheduling gates.
pub fn apply(pod: &mut Value, binding: &Value, now: Now) -> Result<(), Failure> {
    let name = pod.str_at("metadata.name").to_owned();
    let refuse = |what: String| Err(Failure::conflict("", "pods/binding", &name, &what));
    if pod.at("metadata.deletionTimestamp").is_some() {
        return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let node = pod.str_at("spec.nodeName");
    if !node.is_empty() {
        return refuse(format!("pod {name} is already assigned to node {}", crate::field::quote(node)));
    }
    if !pod.list_at("spec.schedulingGates").is_empty() {
        return refuse(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    pod.set("spec.nodeName", binding.str_at("target.name"));
    for map in ["annotations", "labels"] {
        for (key, value) in entries(binding.at("metadata").and_then(|m| m.get(map))) {
            let at = format!("metadata.{map}");
            pod.set_default(&at, json!({}));
            // Keys hold dots, which a path would take apart.
            crate::object::as_map(&mut pod["metadata"][map]).insert(key.clone(), value.clone());
        }
    }
    set_scheduled(pod, now);
    Ok(())
}

fn validate_target(binding: &Value) -> Errors {
    let path = Path::new("target");
    let mut errors = Vec::new();
    let kind = binding.str_at("target.kind");
    if !matches!(kind, "" | "Node") {
        errors.push(Error::not_supported(&path.child("kind"), kind, &["Node", "<empty>"]));
    }
    if binding.str_at("target.name").is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    errors
}

fn set_scheduled(pod: &mut Value, now: Now) {
    let mut conditions = pod.list_at("status.conditions").to_vec();
    let old = conditions.iter().position(|condition| condition.str_at("type") == "PodScheduled");
    let since = old
        .map(|i| &conditions[i])
        .filter(|condition| condition.str_at("status") == "True")
        .and_then(|condition| condition.at("lastTransitionTime").cloned());
    let condition = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null,
        "lastTransitionTime": since.unwrap_or_else(|| format(now.0, Precision::Seconds).into()),
    });
    match old {
        Some(i) => conditions[i] = condition,
        None => conditions.push(condition),
    }
    pod.set("status.conditions", conditions);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_pod_is_bound_once() {
        let now = Now(time::OffsetDateTime::UNIX_EPOCH);
        let binding = json!({"metadata": {"name": "p", "annotations": {"a.b/c": "d"}}, "target": {"name": "n"}});
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {}, "status": {}});
        check(&binding, "p").unwrap();
        apply(&mut pod, &binding, now).unwrap();
        assert_eq!(pod.str_at("spec.nodeName"), "n");
        assert_eq!(pod["metadata"]["annotations"], json!({"a.b/c": "d"}));
        assert_eq!(pod.list_at("status.conditions").len(), 1);
        let refused = apply(&mut pod, &binding, now).unwrap_err();
        assert_eq!(
            refused.message,
            r#"Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n""#
        );
    }
}
