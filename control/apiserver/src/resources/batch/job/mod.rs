//! Job: pods that run until enough of them have succeeded. Its selector is made by the server from its uid.

mod failure_policy;
mod index;
mod selector;
pub(super) mod spec;
mod status;
mod success_policy;
mod update;

use serde_json::{Value, json};

use crate::field::Errors;
use crate::object::Fields;
use crate::registry::propagation::Propagation;
use crate::registry::resource::{Column, Generation, Gvk, Now, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::apps::workload;
use crate::resources::{age, cell, keep, pod_template};
use crate::validation::is_given;

/// The row.
pub fn row() -> Resource {
    Resource {
        categories: &["all"],
        subresources: &[Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Status"),
                Column::text("Completions"),
                Column::text("Duration"),
                Column::AGE,
                Column::wide("Containers"),
                Column::wide("Images"),
                Column::wide("Selector"),
            ]
        },
        cells,
        selectable_fields: &[("status.successful", |object| {
            object.i64_at("status.succeeded").unwrap_or_default().to_string()
        })],
        strategy: &Job,
        default_propagation: Propagation::Orphan,
        delete_warning: "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background \
                         to remove them or set propagationPolicy=Orphan to suppress this warning",
        generation: Generation::Spec,
        status_takes_labels: true,
        ..Resource::new(Gvk::new("batch", "v1", "Job"), "jobs", "batch/v1.Job", Scope::Namespaced)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let succeeded = object.i64_at("status.succeeded").unwrap_or_default();
    let parallelism = object.i64_at("spec.parallelism").unwrap_or_default();
    let completions = match object.i64_at("spec.completions") {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    };
    let [containers, images] = cell::containers(object);
    vec![
        cell::name(object),
        status::word(object).into(),
        completions.into(),
        status::duration(object, now).into(),
        age::of(object, now),
        containers,
        images,
        cell::selector(object.at("spec.selector")),
    ]
}

struct Job;

impl Strategy for Job {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        default_spec(object);
        object.set_default("spec.template", json!({}));
        if let Some(template) = object.at_mut("spec.template") {
            pod_template::default::template(template);
        }
        selector::share_labels(object);
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", json!({}));
        selector::generate(object);
    }

    /// A new job is kept without the labels that it has from its pods only.
    fn is_kept_otherwise(&self, object: &Value) -> bool {
        !is_given(object.get("status")) && selector::has_generated_labels_only(object)
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        let mut errors = selector::validate_generated(object);
        errors.extend(spec::validate_with_selector(object));
        errors.extend(spec::validate_name(object));
        errors
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        match cx.subresource {
            Some("status") => status::validate(new, old),
            _ => update::validate(new, old),
        }
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() { Vec::new() } else { workload::warnings(object, old) }
    }
}

fn default_spec(object: &mut Value) {
    let given = |object: &Value, field: &str| object.at(&format!("spec.{field}")).is_some_and(|v| !v.is_null());
    if !given(object, "completions") && !given(object, "parallelism") {
        object.set("spec.completions", 1);
    }
    object.set_default("spec.parallelism", 1);
    let limit = if given(object, "backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
    object.set_default("spec.backoffLimit", limit);
    object.set_default("spec.completionMode", "NonIndexed");
    object.set_default("spec.suspend", false);
    object.set_default("spec.manualSelector", false);
    let replace = if given(object, "podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    object.set_default("spec.podReplacementPolicy", replace);
    default_failure_policy(object);
}

/// Patterns without a status mean conditions that are true.
pub(super) fn default_failure_policy(object: &mut Value) {
    let rules = object.at_mut("spec.podFailurePolicy.rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        for pattern in rule.at_mut("onPodConditions").and_then(Value::as_array_mut).into_iter().flatten() {
            if pattern.str_at("status").is_empty() {
                pattern.set("status", "True");
            }
        }
    }
}
