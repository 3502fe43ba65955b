//! What of a job may change after it was made: little, and more while it is suspended.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::apps::workload;
use crate::resources::batch::job::spec;
use crate::resources::keep;

/// What of the template decides where pods go, and may change as long as there are none.
const DIRECTIVES: [&str; 8] = [
    "metadata.annotations",
    "metadata.labels",
    "spec.affinity",
    "spec.nodeSelector",
    "spec.tolerations",
    "spec.schedulingGates",
    "spec.resources",
    "spec.schedulingGroup",
];

/// What is wrong with a changed job.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = spec::validate_with_selector(new);
    errors.extend(validate_completions(new, old));
    errors.extend(workload::validate_immutable(new, old, "selector"));
    errors.extend(validate_template(new, old));
    let fixed = ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"];
    errors.extend(fixed.iter().filter_map(|field| workload::validate_immutable(new, old, field)));
    errors
}

fn validate_completions(new: &Value, old: &Value) -> Option<Error> {
    let completions = new.at("spec.completions");
    if completions == old.at("spec.completions") {
        return None;
    }
    if !spec::is_indexed(new) {
        return workload::validate_immutable(new, old, "completions");
    }
    // A job with indexes grows and shrinks as a whole.
    (completions != new.at("spec.parallelism")).then(|| {
        let value = completions.cloned().unwrap_or_default();
        let fault = "can only be modified in tandem with spec.parallelism";
        Error::invalid(&Path::new("spec.completions"), value, fault)
    })
}

fn validate_template(new: &Value, old: &Value) -> Option<Error> {
    let path = Path::new("spec.template");
    let (after, before) = (new.at("spec.template")?, old.at("spec.template")?);
    if after == before {
        return None;
    }
    let pods_exist = !old.str_at("status.startTime").is_empty() && old.i64_at("status.active").unwrap_or_default() > 0;
    if !old.bool_at("spec.suspend") || pods_exist {
        return Some(Error::invalid(&path, after.clone(), "field is immutable"));
    }
    let mut expected = before.clone();
    for directive in DIRECTIVES {
        keep(&mut expected, after, directive);
    }
    copy_resources(&mut expected, after);
    let spec = after.at("spec").cloned().unwrap_or_default();
    (expected != *after).then(|| Error::invalid(&path.child("spec"), spec, "field is immutable"))
}

/// The resources of the containers may change too.
fn copy_resources(expected: &mut Value, after: &Value) {
    for list in ["spec.containers", "spec.initContainers"] {
        let containers = expected.at_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for (container, changed) in containers.zip(after.list_at(list)) {
            if container.str_at("name") == changed.str_at("name") {
                keep(container, changed, "resources");
            }
        }
    }
}
