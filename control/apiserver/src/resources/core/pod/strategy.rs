//! How pods are made and changed, endpoint by endpoint (`pkg/registry/core/pod/strategy.go`).

use serde_json::Value;

use crate::field::{Errors, Path};
use crate::object::Fields;
use crate::registry::strategy::{Context, Strategy};
use crate::resources::core::pod::{default, ephemeral, prepare, resize, status, update};
use crate::resources::pod_template::{annotation, spec, warning};
use crate::validation::{is_given, names};

/// Behavior of pods.
pub(super) struct Pod;

impl Strategy for Pod {
    fn default(&self, pod: &mut Value) {
        default::pod(pod);
    }

    fn prepare_for_create(&self, cx: &Context<'_>, pod: &mut Value) {
        prepare::create(pod, cx.now);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        prepare::update(new, old);
    }

    fn prepare_for_subresource(&self, cx: &Context<'_>, new: &mut Value, old: &Value) {
        match cx.subresource {
            Some("resize") => resize::prepare(new, old),
            Some("ephemeralcontainers") => ephemeral::prepare(new, old),
            _ => status::prepare(new, old),
        }
    }

    fn validate(&self, _: &Context<'_>, pod: &Value) -> Errors {
        let mut errors = validate_whole(pod);
        let path = Path::new("spec");
        if is_given(pod.at("spec.ephemeralContainers")) {
            let at = path.child("ephemeralContainers");
            errors.push(crate::field::Error::forbidden(&at, "cannot be set on create"));
        }
        if !pod.str_at("spec.nodeName").is_empty() && is_given(pod.at("spec.schedulingGates")) {
            let detail = "cannot be set until all schedulingGates have been cleared";
            errors.push(crate::field::Error::forbidden(&path.child("nodeName"), detail));
        }
        if let Some(spec) = pod.at("spec") {
            errors.extend(annotation::validate_match(&path, pod.at("metadata.annotations"), spec));
        }
        errors
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        match cx.subresource {
            Some("resize") => resize::validate(new, old),
            Some("ephemeralcontainers") => ephemeral::validate(new, old),
            Some(_) => status::validate(new, old),
            None => update::validate(new, old),
        }
    }

    fn warnings_before_validation(&self, pod: &Value) -> Vec<String> {
        warning::app_armor(&Path::root(), pod)
    }

    fn warnings(&self, _: &Context<'_>, pod: &Value, old: Option<&Value>) -> Vec<String> {
        // Controllers update pods often, people hardly ever: only creation warns.
        if old.is_some() {
            return Vec::new();
        }
        let faults = names::dns_label(pod.str_at("metadata.name"));
        let mut warnings = Vec::new();
        if !faults.is_empty() {
            let why = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended";
            warnings.push(format!("metadata.name: {why}: [{}]", faults.join(" ")));
        }
        warnings.extend(warning::for_pod(&Path::root(), pod));
        warnings
    }

    fn grace_seconds(&self, pod: &Value, asked: Option<i64>) -> Option<i64> {
        let runs =
            !pod.str_at("spec.nodeName").is_empty() && !matches!(pod.str_at("status.phase"), "Failed" | "Succeeded");
        if !runs {
            return Some(0);
        }
        let seconds = asked.or(pod.i64_at("spec.terminationGracePeriodSeconds")).unwrap_or(0);
        // Zero deletes at once, which a mistake of sign should not.
        Some(if seconds < 0 { 1 } else { seconds })
    }
}

/// Annotations and spec of a pod, on every way in.
pub(super) fn validate_whole(pod: &Value) -> Errors {
    let null = Value::Null;
    let pod_spec = pod.at("spec").unwrap_or(&null);
    let annotations = pod.at("metadata.annotations");
    let path = Path::new("spec");
    let mut errors = annotation::validate(&Path::new("metadata.annotations"), annotations, pod_spec);
    errors.extend(spec::validate(&path, pod_spec, spec::Owner::Pod(pod.str_at("metadata.name"))));
    errors.extend(spec::validate_only_pods(&path, pod_spec));
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn grace_is_the_pods_own_unless_asked_and_nothing_without_a_node() {
        let pod = |node: &str, phase: &str| json!({"spec": {"nodeName": node, "terminationGracePeriodSeconds": 30}, "status": {"phase": phase}});
        let rows = [
            (pod("n", "Running"), None, 30),
            (pod("n", "Running"), Some(5), 5),
            (pod("n", "Running"), Some(-5), 1),
            (pod("", "Pending"), None, 0),
            (pod("n", "Failed"), Some(5), 0),
        ];
        for (pod, asked, seconds) in rows {
            assert_eq!(Pod.grace_seconds(&pod, asked), Some(seconds), "{pod}");
        }
    }
}
