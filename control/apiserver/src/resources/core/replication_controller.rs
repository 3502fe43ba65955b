//! ReplicationController: the ReplicaSet of the first days, whose selector is a map of labels.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::propagation::Propagation;
use crate::registry::resource::{Generation, Resource, Scope, Subresource};
use crate::resources::apps::workload::{self, Workload};
use crate::resources::pod_template;
use crate::validation::{entries, is_given, number};

/// The row.
pub(super) fn row() -> Resource {
    Resource {
        short_names: &["rc"],
        categories: &["all"],
        subresources: &[Subresource::SCALE, Subresource::STATUS],
        columns: workload::REPLICAS_COLUMNS,
        cells: workload::replicas_cells,
        selectable_fields: &[("status.replicas", |object| {
            object.i64_at("status.replicas").unwrap_or_default().to_string()
        })],
        strategy: &REPLICATION_CONTROLLER,
        // It is older than the garbage collector, and its clients expect its pods to stay.
        default_propagation: Propagation::Orphan,
        generation: Generation::Spec,
        status_takes_labels: true,
        ..super::new(
            "ReplicationController",
            "replicationcontrollers",
            "core/v1.ReplicationController",
            Scope::Namespaced,
        )
    }
}

const REPLICATION_CONTROLLER: Workload =
    Workload { default, validate, validate_status: workload::validate_replicas_status, ..Workload::ORDINARY };

/// The selector and the labels are the template's, unless they are given.
fn default(object: &mut Value) {
    object.set_default("spec.replicas", 1);
    let labels = object.at("spec.template.metadata.labels").filter(|labels| is_given(Some(labels))).cloned();
    let Some(labels) = labels else { return };
    for path in ["spec.selector", "metadata.labels"] {
        if !is_given(object.at(path)) {
            object.set(path, labels.clone());
        }
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let mut errors = number::non_negative(&path.child("minReadySeconds"), object.i64_at("spec.minReadySeconds"));
    if !is_given(object.at("spec.selector")) {
        errors.push(Error::required(&path.child("selector"), ""));
    }
    errors.extend(number::non_negative(&path.child("replicas"), object.i64_at("spec.replicas")));
    match object.at("spec.template").filter(|template| template.is_object()) {
        None => errors.push(Error::required(&path.child("template"), "")),
        Some(template) => errors.extend(validate_template(&path.child("template"), object, template)),
    }
    errors
}

fn validate_template(path: &Path, object: &Value, template: &Value) -> Errors {
    let labels = template.at("metadata.labels");
    let label = |key: &str| labels.and_then(|labels| labels.get(key));
    let mut errors = Errors::new();
    if !entries(object.at("spec.selector")).all(|(key, value)| label(key) == Some(value)) {
        let value = labels.cloned().unwrap_or_default();
        errors.push(Error::invalid(&path.child("metadata.labels"), value, workload::NO_MATCH));
    }
    errors.extend(pod_template::validate(path, template));
    errors.extend(workload::validate_runs_always(template, "ReplicationController"));
    errors
}
