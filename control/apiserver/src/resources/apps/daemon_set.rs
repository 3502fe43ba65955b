//! DaemonSet: one pod on every node.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Kind, Path, quote};
use crate::object::{Fields, as_map};
use crate::registry::resource::{Column, Generation, Now, Resource, Subresource};
use crate::resources::apps::deployment::amount;
use crate::resources::apps::workload::{self, Workload};
use crate::resources::{age, cell, pod_template};
use crate::validation::{number, selector};

/// Counts changes of the template; kept since `apps/v1beta1` had a field for it.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["ds"],
        categories: &["all"],
        subresources: &[Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::integer("Desired"),
                Column::integer("Current"),
                Column::integer("Ready"),
                Column::integer("Up-to-date"),
                Column::integer("Available"),
                Column::text("Node Selector"),
                Column::AGE,
                Column::wide("Containers"),
                Column::wide("Images"),
                Column::wide("Selector"),
            ]
        },
        cells,
        strategy: &DAEMON_SET,
        generation: Generation::Spec,
        status_takes_labels: true,
        ..super::new("DaemonSet", "daemonsets", "apps/v1.DaemonSet")
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let [containers, images] = cell::containers(object);
    vec![
        cell::name(object),
        cell::integer(object, "status.desiredNumberScheduled"),
        cell::integer(object, "status.currentNumberScheduled"),
        cell::integer(object, "status.numberReady"),
        cell::integer(object, "status.updatedNumberScheduled"),
        cell::integer(object, "status.numberAvailable"),
        cell::labels(object.at("spec.template.spec.nodeSelector")),
        age::of(object, now),
        containers,
        images,
        cell::selector(object.at("spec.selector")),
    ]
}

const DAEMON_SET: Workload = Workload {
    default,
    first_status: || json!({}),
    mark: count_templates,
    validate,
    validate_change: workload::validate_same_selector,
    validate_status,
    ..Workload::ORDINARY
};

fn default(object: &mut Value) {
    object.set_default("spec.template", json!({}));
    if object.str_at("spec.updateStrategy.type").is_empty() {
        object.set("spec.updateStrategy.type", "RollingUpdate");
    }
    if object.str_at("spec.updateStrategy.type") == "RollingUpdate" {
        object.set_default("spec.updateStrategy.rollingUpdate", json!({}));
        object.set_default("spec.updateStrategy.rollingUpdate.maxUnavailable", 1);
        object.set_default("spec.updateStrategy.rollingUpdate.maxSurge", 0);
    }
    object.set_default("spec.revisionHistoryLimit", 10);
}

/// Whatever the client says of it, the count is the server's.
fn count_templates(object: &mut Value, old: Option<&Value>) {
    let changed = old.is_none_or(|old| old.at("spec.template") != object.at("spec.template"));
    let before = old.map(template_generation).unwrap_or_default();
    set_template_generation(object, before + i64::from(changed));
}

fn template_generation(object: &Value) -> i64 {
    let annotations = object.at("metadata.annotations");
    let text = annotations.and_then(|map| map.get(TEMPLATE_GENERATION)).and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn set_template_generation(object: &mut Value, generation: i64) {
    object.set_default("metadata.annotations", json!({}));
    if let Some(annotations) = object.at_mut("metadata.annotations") {
        as_map(annotations).insert(TEMPLATE_GENERATION.to_owned(), generation.to_string().into());
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let given = object.at("spec.selector").filter(|selector| !selector.is_null());
    let mut errors = selector::validate(&path.child("selector"), given);
    if errors.is_empty() {
        errors.extend(workload::validate_match(object));
    }
    if let Some(value) = given.filter(|_| selector::is_empty(given)) {
        let fault = "empty selector is invalid for daemonset";
        errors.push(Error::invalid(&path.child("selector"), value.clone(), fault));
    }
    let template = object.at("spec.template").unwrap_or(&Value::Null);
    errors.extend(pod_template::validate(&path.child("template"), template));
    errors.extend(workload::validate_runs_always(template, "DaemonSet"));
    errors.extend(number::non_negative(&path.child("minReadySeconds"), object.i64_at("spec.minReadySeconds")));
    errors.extend(validate_strategy(object));
    let limit = object.i64_at("spec.revisionHistoryLimit");
    errors.extend(number::non_negative(&path.child("revisionHistoryLimit"), limit));
    errors
}

fn validate_strategy(object: &Value) -> Errors {
    let path = Path::new("spec.updateStrategy");
    match object.str_at("spec.updateStrategy.type") {
        "OnDelete" => Errors::new(),
        "RollingUpdate" => {
            let rolling = object.at("spec.updateStrategy.rollingUpdate").unwrap_or(&Value::Null);
            validate_rolling(&path.child("rollingUpdate"), rolling)
        }
        other => {
            let message = format!(
                "Unsupported value: {{\"Type\":{},\"RollingUpdate\":null}}: supported values: \"RollingUpdate\", \
                 \"OnDelete\"",
                quote(other)
            );
            vec![Error::new(Kind::NotSupported, &path, message)]
        }
    }
}

fn validate_rolling(path: &Path, rolling: &Value) -> Errors {
    let mut errors = Errors::new();
    for field in ["maxUnavailable", "maxSurge"] {
        let path = path.child(field);
        let Some(value) = rolling.at(field) else { continue };
        errors.extend(number::non_negative_int_or_percent(&path, value));
        if value.is_string() && amount(Some(value)) > 100 {
            errors.push(Error::invalid(&path, value.clone(), "must not be greater than 100%"));
        }
    }
    let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
    match (amount(unavailable) != 0, amount(surge) != 0) {
        (true, true) => {
            let value = surge.cloned().unwrap_or_default();
            let fault = "may not be set when maxUnavailable is non-zero";
            errors.push(Error::invalid(&path.child("maxSurge"), value, fault));
        }
        (false, false) => {
            errors.push(Error::required(&path.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"));
        }
        (true, false) | (false, true) => {}
    }
    errors
}

fn validate_status(object: &Value) -> Errors {
    workload::validate_counts(
        object,
        &[
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
            "observedGeneration",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
            "collisionCount",
        ],
    )
}
