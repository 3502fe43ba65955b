//! ResourceQuota: how much of what a namespace may hold. It is kept, and nothing counts or refuses
//! yet, which whoever writes one is told.

mod scope;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Generation, Now, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell, keep};
use crate::validation::{entries, quantity};

/// The row.
pub(super) fn row() -> Resource {
    Resource {
        short_names: &["quota"],
        subresources: &[Subresource::STATUS],
        columns: const { &[Column::NAME, Column::text("Request"), Column::text("Limit"), Column::AGE] },
        cells,
        strategy: &ResourceQuota,
        delete_answer: DeleteAnswer::Object,
        generation: Generation::Absent,
        status_takes_labels: true,
        ..super::new("ResourceQuota", "resourcequotas", "core/v1.ResourceQuota", Scope::Namespaced)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let used = |name: &str| object.at("status.used").and_then(|used| used.get(name)).map(quantity::of);
    let list = |of_limits: bool| {
        let hard = entries(object.at("status.hard")).filter(|(name, _)| name.starts_with("limits") == of_limits);
        let texts = hard.map(|(name, hard)| {
            let used = used(name).map_or_else(|| "0".to_owned(), |used| used.to_string());
            format!("{name}: {used}/{}", quantity::of(hard))
        });
        texts.collect::<Vec<_>>().join(", ")
    };
    vec![cell::name(object), list(false).into(), list(true).into(), age::of(object, now)]
}

/// What nobody should learn from a quota that refuses nothing.
const UNUSED: &str = "the quota is stored, but nothing is counted or refused by it yet";

struct ResourceQuota;

impl Strategy for ResourceQuota {
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

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        if cx.subresource.is_some() {
            return ["hard", "used"].iter().flat_map(|list| validate_amounts(new, "status", list)).collect();
        }
        let mut errors = validate(new);
        let set = |object: &'_ Value| -> BTreeSet<String> {
            object.list_at("spec.scopes").iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        if set(new) != set(old) {
            let scopes = new.at("spec.scopes").cloned().unwrap_or_default();
            errors.push(Error::invalid(&Path::new("spec.scopes"), scopes, "field is immutable"));
        }
        errors
    }

    fn warnings(&self, cx: &Context<'_>, _: &Value, _: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() { Vec::new() } else { vec![UNUSED.to_owned()] }
    }
}

fn validate(object: &Value) -> Errors {
    let mut errors = validate_amounts(object, "spec", "hard");
    errors.extend(scope::validate(object));
    errors
}

fn validate_amounts(object: &Value, part: &str, list: &str) -> Errors {
    let path = Path::new(part).child(list);
    let amounts = entries(object.at(&format!("{part}.{list}")));
    let validate = |(name, amount): (&String, &Value)| {
        let at = path.key(name);
        let mut errors = quantity::validate_resource_name(&at, name);
        if !name.contains('/') && !quantity::is_standard_for_quotas(name) {
            errors.push(Error::invalid(&at, name.as_str(), "must be a standard resource for quota"));
        }
        errors.extend(quantity::validate_value(&at, name, amount));
        errors
    };
    amounts.flat_map(validate).collect()
}
