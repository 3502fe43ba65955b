//! ControllerRevision: what a StatefulSet or DaemonSet was at some time. Its data does not change.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Now, Resource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell};
use crate::validation::number;

/// The row.
pub fn row() -> Resource {
    Resource {
        columns: const { &[Column::NAME, Column::text("Controller"), Column::text("Revision"), Column::AGE] },
        cells,
        strategy: &ControllerRevision,
        ..super::new("ControllerRevision", "controllerrevisions", "apps/v1.ControllerRevision")
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let owners = object.list_at("metadata.ownerReferences");
    let controller = owners.iter().find(|owner| owner.bool_at("controller")).map(|owner| {
        let kind = owner.str_at("kind").to_lowercase();
        let group = owner.str_at("apiVersion").split_once('/').map(|(group, _)| format!(".{group}"));
        format!("{kind}{}/{}", group.unwrap_or_default(), owner.str_at("name"))
    });
    vec![
        cell::name(object),
        controller.unwrap_or_else(|| cell::NONE.to_owned()).into(),
        json!(object.i64_at("revision").unwrap_or_default()),
        age::of(object, now),
    ]
}

struct ControllerRevision;

impl Strategy for ControllerRevision {
    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate(new);
        if new.get("data") != old.get("data") {
            let data = new.get("data").cloned().unwrap_or_default();
            errors.push(Error::invalid(&Path::new("data"), data, "field is immutable"));
        }
        errors
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("data");
    let mut errors = match object.get("data") {
        None | Some(Value::Null) => vec![Error::required(&path, "data is mandatory")],
        Some(Value::Object(_)) => Errors::new(),
        Some(_) => vec![Error::required(&path, "data must be a valid JSON object")],
    };
    errors.extend(number::non_negative(&Path::new("revision"), object.i64_at("revision")));
    errors
}
