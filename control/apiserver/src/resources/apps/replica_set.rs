//! ReplicaSet: so many pods of one template.

use serde_json::{Value, json};

use crate::field::{Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Now, Resource, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::apps::workload;
use crate::resources::{age, cell, keep, pod_template};
use crate::validation::number;

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["rs"],
        categories: &["all"],
        subresources: &[Subresource::SCALE, Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Desired"),
                Column::text("Current"),
                Column::text("Ready"),
                Column::AGE,
                Column::wide("Containers"),
                Column::wide("Images"),
                Column::wide("Selector"),
            ]
        },
        cells,
        strategy: &ReplicaSet,
        generation: Generation::Spec,
        status_takes_labels: true,
        ..super::new("ReplicaSet", "replicasets", "apps/v1.ReplicaSet")
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let [containers, images] = cell::containers(object);
    vec![
        cell::name(object),
        cell::integer(object, "spec.replicas"),
        cell::integer(object, "status.replicas"),
        cell::integer(object, "status.readyReplicas"),
        age::of(object, now),
        containers,
        images,
        cell::selector(object.at("spec.selector")),
    ]
}

struct ReplicaSet;

impl Strategy for ReplicaSet {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        object.set_default("spec.replicas", 1);
        object.set_default("spec.template", json!({}));
        if let Some(template) = object.at_mut("spec.template") {
            pod_template::default::template(template);
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", json!({"replicas": 0}));
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        match cx.subresource {
            Some("status") => validate_status(new),
            _ => validate(new).into_iter().chain(workload::validate_immutable(new, old, "selector")).collect(),
        }
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() { Vec::new() } else { workload::warnings(object, old) }
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let mut errors = number::non_negative(&path.child("replicas"), object.i64_at("spec.replicas"));
    errors.extend(number::non_negative(&path.child("minReadySeconds"), object.i64_at("spec.minReadySeconds")));
    errors.extend(workload::validate_selector_and_template(object, &workload::REPLICAS));
    errors
}

fn validate_status(object: &Value) -> Errors {
    let mut errors = workload::validate_counts(
        object,
        &[
            "replicas",
            "fullyLabeledReplicas",
            "readyReplicas",
            "availableReplicas",
            "observedGeneration",
            "terminatingReplicas",
        ],
    );
    let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    errors.extend(workload::validate_parts(object, &parts, "readyReplicas"));
    errors
}
