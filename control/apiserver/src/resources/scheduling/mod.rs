//! `scheduling.k8s.io/v1`: PriorityClass.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Gvk, Now, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::bootstrap::SYSTEM_PRIORITY_CLASSES;
use crate::resources::{age, cell};
use crate::validation::one_of;

/// Above this only the system's own classes go.
const USER_PRIORITY_MAX: i64 = 1_000_000_000;
const SYSTEM_PREFIX: &str = "system-";
/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    let gvk = Gvk::new("scheduling.k8s.io", "v1", "PriorityClass");
    vec![Resource {
        short_names: &["pc"],
        columns: const {
            &[
                Column::NAME,
                Column::integer("Value"),
                Column { kind: "boolean", ..Column::text("Global-Default") },
                Column::AGE,
                Column::text("PreemptionPolicy"),
            ]
        },
        cells,
        strategy: &PriorityClass,
        generation: Generation::Strategy,
        ..Resource::new(gvk, "priorityclasses", "scheduling/v1.PriorityClass", Scope::Cluster)
    }]
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    vec![
        cell::name(object),
        cell::integer(object, "value"),
        json!(object.bool_at("globalDefault")),
        age::of(object, now),
        object.str_at("preemptionPolicy").into(),
    ]
}

struct PriorityClass;

impl Strategy for PriorityClass {
    fn default(&self, object: &mut Value) {
        object.set_default("preemptionPolicy", "PreemptLowerPriority");
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("metadata.generation", 1);
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        let name = object.str_at("metadata.name");
        let value = object.i64_at("value").unwrap_or_default();
        let mut errors = Errors::new();
        if name.starts_with(SYSTEM_PREFIX) {
            errors.extend(validate_system(name, value));
        } else if value > USER_PRIORITY_MAX {
            let fault = format!("maximum allowed value of a user defined priority is {USER_PRIORITY_MAX}");
            errors.push(Error::forbidden(&Path::new("value"), &fault));
        }
        let policy = object.str_at("preemptionPolicy");
        errors.extend(one_of(&Path::new("preemptionPolicy"), policy, &["PreemptLowerPriority", "Never"]));
        errors
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        if new.i64_at("value") != old.i64_at("value") {
            errors.push(Error::forbidden(&Path::new("value"), "may not be changed in an update."));
        }
        let policy = new.str_at("preemptionPolicy");
        if policy != old.str_at("preemptionPolicy") {
            errors.push(Error::invalid(&Path::new("preemptionPolicy"), policy, "field is immutable"));
        }
        errors
    }
}

fn validate_system(name: &str, value: i64) -> Option<Error> {
    let why = match SYSTEM_PRIORITY_CLASSES.iter().find(|(known, _, _)| *known == name) {
        None => format!("{name} is not a known system priority class"),
        Some((_, known, _)) if *known != value => format!("value of {name} PriorityClass must be {known}"),
        Some(_) => return None,
    };
    let rule = format!("priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only");
    Some(Error::forbidden(&Path::new("metadata.name"), &format!("{rule}. error: {why}")))
}
