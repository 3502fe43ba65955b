//! ReplicaSet: so many pods of one template.

use serde_json::{Value, json};

use crate::field::{Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Generation, Resource, Subresource};
use crate::resources::apps::workload::{self, Workload};
use crate::validation::number;

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["rs"],
        categories: &["all"],
        subresources: &[Subresource::SCALE, Subresource::STATUS],
        columns: workload::REPLICAS_COLUMNS,
        cells: workload::replicas_cells,
        strategy: &REPLICA_SET,
        generation: Generation::Spec,
        status_takes_labels: true,
        ..super::new("ReplicaSet", "replicasets", "apps/v1.ReplicaSet")
    }
}

const REPLICA_SET: Workload = Workload {
    default,
    validate,
    validate_change: workload::validate_same_selector,
    validate_status: workload::validate_replicas_status,
    ..Workload::ORDINARY
};

fn default(object: &mut Value) {
    object.set_default("spec.replicas", 1);
    object.set_default("spec.template", json!({}));
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let mut errors = number::non_negative(&path.child("replicas"), object.i64_at("spec.replicas"));
    errors.extend(number::non_negative(&path.child("minReadySeconds"), object.i64_at("spec.minReadySeconds")));
    errors.extend(workload::validate_selector_and_template(object, &workload::REPLICAS));
    errors
}
