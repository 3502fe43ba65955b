//! `node.k8s.io/v1`: RuntimeClass.

use serde_json::Value;

use crate::field::{Error, Errors, Kind, Path, quote};
use crate::object::Fields;
use crate::registry::resource::{Column, Gvk, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::pod_template::{resources, toleration};
use crate::resources::{age, cell};
use crate::validation::{check, labels, names};

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    let gvk = Gvk::new("node.k8s.io", "v1", "RuntimeClass");
    vec![Resource {
        columns: const { &[Column::NAME, Column::text("Handler"), Column::AGE] },
        cells: |object, now| vec![cell::name(object), object.str_at("handler").into(), age::of(object, now)],
        strategy: &RuntimeClass,
        unconditional_update: false,
        create_on_update: true,
        ..Resource::new(gvk, "runtimeclasses", "node/v1.RuntimeClass", Scope::Cluster)
    }]
}

struct RuntimeClass;

impl Strategy for RuntimeClass {
    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate(new);
        if new.str_at("handler") != old.str_at("handler") {
            errors.push(Error::invalid(&Path::new("handler"), Value::Null, "field is immutable"));
        }
        errors
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("handler");
    let mut errors = Errors::new();
    if let Some(overhead) = object.at("overhead.podFixed") {
        // Upstream checks it as the limits of a container would be.
        errors.extend(resources::validate_overhead(&Path::new("overhead"), overhead));
    }
    if let Some(scheduling) = object.get("scheduling").filter(|scheduling| scheduling.is_object()) {
        let path = Path::new("scheduling");
        errors.extend(labels::validate(&path.child("nodeSelector"), scheduling.at("nodeSelector")));
        errors.extend(validate_tolerations(&path, scheduling));
    }
    errors.extend(match object.str_at("handler") {
        "" => vec![Error::required(&path, "")],
        handler => check(&path, handler, names::dns_label),
    });
    errors
}

fn validate_tolerations(path: &Path, scheduling: &Value) -> Errors {
    let mut errors = toleration::validate(path, scheduling);
    let list = scheduling.list_at("tolerations");
    let path = path.child("tolerations");
    let twice = list.iter().enumerate().filter(|(i, toleration)| list[..*i].contains(toleration));
    let duplicate = |(i, toleration)| {
        Error::new(Kind::Duplicate, &path.index(i), format!("Duplicate value: {}", printed(toleration)))
    };
    errors.extend(twice.map(duplicate));
    errors
}

/// A toleration with all its fields, as upstream prints its own type.
fn printed(toleration: &Value) -> String {
    let text = |name: &str| quote(toleration.str_at(name));
    let seconds =
        toleration.i64_at("tolerationSeconds").map_or_else(|| "null".to_owned(), |seconds| seconds.to_string());
    let [key, operator, value, effect] = ["key", "operator", "value", "effect"].map(text);
    format!(
        "{{\"Key\":{key},\"Operator\":{operator},\"Value\":{value},\"Effect\":{effect},\"TolerationSeconds\":{seconds}}}"
    )
}
