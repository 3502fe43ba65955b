//! `policy/v1`: PodDisruptionBudget.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Gvk, Now, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::apps::deployment::amount;
use crate::resources::apps::workload;
use crate::resources::{age, cell, keep};
use crate::validation::{check, names, number, one_of, selector};

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    let gvk = Gvk::new("policy", "v1", "PodDisruptionBudget");
    vec![Resource {
        short_names: &["pdb"],
        subresources: &[Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Min Available"),
                Column::text("Max Unavailable"),
                Column::integer("Allowed Disruptions"),
                Column::AGE,
            ]
        },
        cells,
        strategy: &PodDisruptionBudget,
        unconditional_update: false,
        generation: Generation::Spec,
        status_takes_labels: true,
        ..Resource::new(gvk, "poddisruptionbudgets", "policy/v1.PodDisruptionBudget", Scope::Namespaced)
    }]
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let bound = |path: &str| match object.at(path) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(count)) => count.to_string(),
        _ => "N/A".to_owned(),
    };
    vec![
        cell::name(object),
        bound("spec.minAvailable").into(),
        bound("spec.maxUnavailable").into(),
        cell::integer(object, "status.disruptionsAllowed"),
        age::of(object, now),
    ]
}

struct PodDisruptionBudget;

impl Strategy for PodDisruptionBudget {
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
        validate(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, _: &Value) -> Errors {
        match cx.subresource {
            Some("status") => validate_status(new),
            _ => validate(new),
        }
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let given = |field: &str| object.at(&format!("spec.{field}")).filter(|value| !value.is_null());
    let mut errors = Errors::new();
    if given("minAvailable").is_some() && given("maxUnavailable").is_some() {
        let spec = object.at("spec").cloned().unwrap_or_default();
        errors.push(Error::invalid(&path, spec, "minAvailable and maxUnavailable cannot be both set"));
    }
    for field in ["minAvailable", "maxUnavailable"] {
        let Some(value) = given(field) else { continue };
        errors.extend(number::non_negative_int_or_percent(&path.child(field), value));
        if value.is_string() && amount(Some(value)) > 100 {
            errors.push(Error::invalid(&path.child(field), value.clone(), "must not be greater than 100%"));
        }
    }
    errors.extend(selector::validate(&path.child("selector"), given("selector")));
    if let Some(text) = given("unhealthyPodEvictionPolicy").and_then(Value::as_str) {
        let path = path.child("unhealthyPodEvictionPolicy");
        errors.extend(one_of(&path, text, &["AlwaysAllow", "IfHealthyBudget"]));
    }
    errors
}

fn validate_status(object: &Value) -> Errors {
    let counts = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
    let mut errors = workload::validate_counts(object, &counts);
    let path = Path::new("status.conditions");
    for (i, condition) in object.list_at("status.conditions").iter().enumerate() {
        let path = path.index(i);
        errors.extend(check(&path.child("type"), condition.str_at("type"), names::qualified_name));
        if condition.str_at("reason").is_empty() {
            errors.push(Error::required(&path.child("reason"), ""));
        }
    }
    errors
}
