//! IngressClass: which controller serves an Ingress.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Now, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell};
use crate::validation::{check, names};

const CONTROLLER_BYTES_MAX: usize = 250;

/// The row.
pub(super) fn row() -> Resource {
    Resource {
        columns: const { &[Column::NAME, Column::text("Controller"), Column::text("Parameters"), Column::AGE] },
        cells,
        strategy: &IngressClass,
        generation: Generation::Spec,
        ..super::new("IngressClass", "ingressclasses", "networking/v1.IngressClass", Scope::Cluster)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let parameters = match object.at("spec.parameters").filter(|parameters| parameters.is_object()) {
        Some(of) => {
            let group = of.str_at("apiGroup");
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            format!("{}{group}/{}", of.str_at("kind"), of.str_at("name"))
        }
        None => cell::NONE.to_owned(),
    };
    vec![cell::name(object), object.str_at("spec.controller").into(), parameters.into(), age::of(object, now)]
}

struct IngressClass;

impl Strategy for IngressClass {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        if object.at("spec.parameters").is_some_and(Value::is_object) {
            object.set_default("spec.parameters.scope", "Cluster");
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate(new);
        let controller = new.str_at("spec.controller");
        if controller != old.str_at("spec.controller") {
            errors.push(Error::invalid(&Path::new("spec.controller"), controller, "field is immutable"));
        }
        errors
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec.controller");
    let controller = object.str_at("spec.controller");
    let mut errors = Errors::new();
    if controller.len() > CONTROLLER_BYTES_MAX {
        errors.push(Error::too_long(&path, CONTROLLER_BYTES_MAX));
    }
    errors.extend(match controller.split_once('/') {
        _ if controller.is_empty() => vec![Error::required(&path, "")],
        Some((domain, rest)) if !domain.is_empty() && !rest.is_empty() => check(&path, domain, names::dns_subdomain),
        _ => vec![Error::invalid(&path, controller, "must be a domain-prefixed path (such as \"acme.io/foo\")")],
    });
    errors.extend(validate_parameters(object));
    errors
}

fn validate_parameters(object: &Value) -> Errors {
    let Some(of) = object.at("spec.parameters").filter(|of| of.is_object()) else { return Errors::new() };
    let path = Path::new("spec.parameters");
    let (scope, namespace) = (of.str_at("scope"), of.at("namespace").and_then(Value::as_str));
    let mut errors = Errors::new();
    let at = path.child("namespace");
    match (scope, namespace) {
        ("Cluster" | "Namespace", _) => {}
        _ => errors.push(Error::not_supported(&path.child("scope"), scope, &["Cluster", "Namespace"])),
    }
    for field in ["kind", "name"] {
        match of.str_at(field) {
            "" => errors.push(Error::required(&path.child(field), "")),
            text => errors.extend(check(&path.child(field), text, names::path_segment)),
        }
    }
    match (scope, namespace) {
        ("Cluster", Some(_)) => errors.push(Error::forbidden(&at, "`parameters.scope` is set to 'Cluster'")),
        ("Namespace", None | Some("")) => {
            errors.push(Error::required(&at, "`parameters.scope` is set to 'Namespace'"));
        }
        ("Namespace", Some(name)) => errors.extend(check(&at, name, names::dns_label)),
        _ => {}
    }
    errors
}
