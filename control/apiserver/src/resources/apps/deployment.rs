//! Deployment: a template, how many pods of it, and how to get from one template to the next.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Kind, Path, quote};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Now, Resource, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::apps::workload;
use crate::resources::{age, cell, keep, pod_template};
use crate::validation::number;

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["deploy"],
        categories: &["all"],
        subresources: &[Subresource::SCALE, Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Ready"),
                Column::text("Up-to-date"),
                Column::text("Available"),
                Column::AGE,
                Column::wide("Containers"),
                Column::wide("Images"),
                Column::wide("Selector"),
            ]
        },
        cells,
        strategy: &Deployment,
        generation: Generation::Strategy,
        ..super::new("Deployment", "deployments", "apps/v1.Deployment")
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let count = |path: &str| object.i64_at(path).unwrap_or_default();
    let [containers, images] = cell::containers(object);
    vec![
        cell::name(object),
        format!("{}/{}", count("status.readyReplicas"), count("spec.replicas")).into(),
        cell::integer(object, "status.updatedReplicas"),
        cell::integer(object, "status.availableReplicas"),
        age::of(object, now),
        containers,
        images,
        cell::selector(object.at("spec.selector")),
    ]
}

struct Deployment;

impl Strategy for Deployment {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        object.set_default("spec.replicas", 1);
        object.set_default("spec.strategy", json!({}));
        if object.str_at("spec.strategy.type").is_empty() {
            object.set("spec.strategy.type", "RollingUpdate");
        }
        if object.str_at("spec.strategy.type") == "RollingUpdate" {
            object.set_default("spec.strategy.rollingUpdate", json!({}));
            object.set_default("spec.strategy.rollingUpdate.maxUnavailable", "25%");
            object.set_default("spec.strategy.rollingUpdate.maxSurge", "25%");
        }
        object.set_default("spec.revisionHistoryLimit", 10);
        object.set_default("spec.progressDeadlineSeconds", 600);
        object.set_default("spec.template", json!({}));
        if let Some(template) = object.at_mut("spec.template") {
            pod_template::default::template(template);
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", json!({}));
        object.set("metadata.generation", 1);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
        // Annotations count too: the controller copies them to ReplicaSets.
        let same =
            new.get("spec") == old.get("spec") && new.at("metadata.annotations") == old.at("metadata.annotations");
        let generation = old.i64_at("metadata.generation").unwrap_or_default();
        new.set("metadata.generation", if same { generation } else { generation + 1 });
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
        keep(new, old, "metadata.labels");
        keep(new, old, "metadata.generation");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        match cx.subresource {
            Some("status") => validate_status(new, old),
            _ => validate(new).into_iter().chain(workload::validate_immutable(new, old, "selector")).collect(),
        }
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() { Vec::new() } else { workload::warnings(object, old) }
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let number = |field: &str| object.i64_at(&format!("spec.{field}"));
    let mut errors = number::non_negative(&path.child("replicas"), number("replicas"));
    errors.extend(workload::validate_selector_and_template(object, &workload::REPLICAS));
    errors.extend(validate_strategy(object));
    for field in ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        errors.extend(number::non_negative(&path.child(field), number(field)));
    }
    if let Some(deadline) = number("progressDeadlineSeconds")
        && deadline <= number("minReadySeconds").unwrap_or_default()
    {
        let path = path.child("progressDeadlineSeconds");
        errors.push(Error::invalid(&path, deadline, "must be greater than minReadySeconds"));
    }
    errors
}

fn validate_strategy(object: &Value) -> Errors {
    let path = Path::new("spec.strategy");
    let rolling = object.at("spec.strategy.rollingUpdate").filter(|rolling| !rolling.is_null());
    match (object.str_at("spec.strategy.type"), rolling) {
        ("Recreate", Some(_)) => {
            let fault = "may not be specified when strategy `type` is 'Recreate'";
            vec![Error::forbidden(&path.child("rollingUpdate"), fault)]
        }
        ("Recreate", None) => Errors::new(),
        ("RollingUpdate", Some(rolling)) => validate_rolling(&path.child("rollingUpdate"), rolling),
        ("RollingUpdate", None) => {
            vec![Error::required(&path.child("rollingUpdate"), "this should be defaulted and never be nil")]
        }
        (other, rolling) => {
            // Upstream names the whole struct, under its internal field names.
            let rolling = rolling.map_or("null".to_owned(), Value::to_string);
            let value = format!("{{\"Type\":{},\"RollingUpdate\":{rolling}}}", quote(other));
            let message = format!("Unsupported value: {value}: supported values: \"Recreate\", \"RollingUpdate\"");
            vec![Error::new(Kind::NotSupported, &path, message)]
        }
    }
}

fn validate_rolling(path: &Path, rolling: &Value) -> Errors {
    let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
    let at = path.child("maxUnavailable");
    let mut errors = Errors::new();
    for (path, value) in [(&at, unavailable), (&path.child("maxSurge"), surge)] {
        errors.extend(value.into_iter().flat_map(|value| number::non_negative_int_or_percent(path, value)));
    }
    let value = unavailable.cloned().unwrap_or_default();
    if amount(unavailable) == 0 && amount(surge) == 0 {
        errors.push(Error::invalid(&at, value.clone(), "may not be 0 when `maxSurge` is 0"));
    }
    if value.is_string() && amount(unavailable) > 100 {
        errors.push(Error::invalid(&at, value, "must not be greater than 100%"));
    }
    errors
}

/// A count, or the number before the percent sign; what is neither counts as nothing.
pub(crate) fn amount(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::String(text)) => text.strip_suffix('%').and_then(|n| n.parse().ok()).unwrap_or_default(),
        Some(other) => other.as_i64().unwrap_or_default(),
        None => 0,
    }
}

fn validate_status(new: &Value, old: &Value) -> Errors {
    let mut errors = workload::validate_counts(
        new,
        &[
            "observedGeneration",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "unavailableReplicas",
            "collisionCount",
            "terminatingReplicas",
        ],
    );
    errors.extend(workload::validate_parts(
        new,
        &["updatedReplicas", "readyReplicas", "availableReplicas"],
        "readyReplicas",
    ));
    let collisions = |object: &Value| object.i64_at("status.collisionCount");
    if let Some(before) = collisions(old)
        && collisions(new).unwrap_or_default() < before
    {
        let path = Path::new("status.collisionCount");
        errors.push(Error::invalid(&path, collisions(new).unwrap_or_default(), "cannot be decremented"));
    }
    errors
}
