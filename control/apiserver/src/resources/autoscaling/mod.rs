//! `autoscaling/v2`: HorizontalPodAutoscaler. It is kept, and nothing acts on it yet, which whoever writes one is told.

mod cells;
mod default;
mod metric;
mod validate;

use serde_json::{Value, json};

use crate::field::Errors;
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Gvk, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::keep;

/// What nobody should learn from an autoscaler that does nothing.
const UNUSED: &str = "the autoscaler is stored, but nothing acts on it yet: this cluster has no autoscaling controller";

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![row()]
}

fn row() -> Resource {
    let gvk = Gvk::new("autoscaling", "v2", "HorizontalPodAutoscaler");
    let type_name = "autoscaling/v2.HorizontalPodAutoscaler";
    Resource {
        short_names: &["hpa"],
        categories: &["all"],
        subresources: &[Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Reference"),
                Column::text("Targets"),
                Column::text("MinPods"),
                Column::text("MaxPods"),
                Column::text("Replicas"),
                Column::AGE,
            ]
        },
        cells: cells::cells,
        strategy: &HorizontalPodAutoscaler,
        generation: Generation::Spec,
        status_takes_labels: true,
        ..Resource::new(gvk, "horizontalpodautoscalers", type_name, Scope::Namespaced)
    }
}

struct HorizontalPodAutoscaler;

impl Strategy for HorizontalPodAutoscaler {
    fn default(&self, object: &mut Value) {
        default::default(object);
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", json!({}));
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate::validate(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, _: &Value) -> Errors {
        match cx.subresource {
            Some(_) => validate::validate_status(new),
            None => validate::validate(new),
        }
    }

    fn warnings(&self, cx: &Context<'_>, _: &Value, _: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() { Vec::new() } else { vec![UNUSED.to_owned()] }
    }
}
