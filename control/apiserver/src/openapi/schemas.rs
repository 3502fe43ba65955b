//! The schemas of a document: every type that its kinds use, out of the schema table.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::descriptions::{About, Descriptions};
use crate::registry::resource::Gvk;
use crate::schema::{Field, Kind, ListRule, Presence, Shape, Type, find};

/// Types that every document has beside those of its kinds.
const ALWAYS: &[&str] = &["meta/v1.APIResourceList", "meta/v1.DeleteOptions", "meta/v1.Status", "meta/v1.WatchEvent"];

const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// A kind of a document.
pub(super) struct Root {
    pub(super) of: &'static Type,
    pub(super) gvk: Gvk,
}

/// Shows every schema that these kinds need, each once, in order of their names in OpenAPI.
pub(super) fn each(roots: &[Root], mut show: impl FnMut(&str, Value)) {
    let descriptions = Descriptions::unpack();
    let about = descriptions.by_type();
    let mut types = BTreeMap::new();
    for of in roots.iter().map(|root| root.of).chain(ALWAYS.iter().filter_map(|name| find(name))) {
        reach(of, &mut types);
    }
    for (name, of) in types {
        let gvks = roots.iter().filter(|root| root.of == of).map(|root| &root.gvk);
        show(&name, structure(of, about.get(of.name()), gvks));
    }
    for (name, schema) in leaves() {
        show(&name, schema);
    }
}

fn reach(of: &'static Type, types: &mut BTreeMap<String, &'static Type>) {
    if types.insert(definition(of), of).is_some() {
        return;
    }
    flat(of, &mut |field| {
        if let Kind::Struct(inner) = field.kind() {
            reach(inner, types);
        }
        if matches!(field.kind(), Kind::SchemaOrBool | Kind::SchemaOrList | Kind::SchemaOrStrings) {
            find("apiextensions/v1.JSONSchemaProps").into_iter().for_each(|inner| reach(inner, types));
        }
    });
}

/// Every field, also those of inlined structs.
fn flat(of: &'static Type, visit: &mut impl FnMut(Field)) {
    for field in of.fields() {
        match (field.presence(), field.kind()) {
            (Presence::Inline, Kind::Struct(inner)) => flat(inner, visit),
            _ => visit(field),
        }
    }
}

fn structure<'a>(of: &'static Type, about: Option<&About<'_>>, gvks: impl Iterator<Item = &'a Gvk>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    flat(of, &mut |field| {
        let mut property = property(field);
        let always = field.presence() == Presence::Always;
        let is_required = match about {
            Some(about) => {
                let said = about.field(field.json());
                if let Some((_, description @ Value::String(_))) = &said {
                    property["description"] = description.clone();
                }
                // `k8s-openapi` also requires what it chose to hold without an Option.
                always && said.is_some_and(|(required, _)| required)
            }
            None => always && field.shape() != Shape::Pointer,
        };
        if is_required {
            required.push(field.json());
        }
        properties.insert(field.json().to_owned(), property);
    });
    required.sort_unstable();
    let mut schema = json!({"type": "object"});
    if let Some(about) = about.filter(|about| about.of != "null") {
        schema["description"] = serde_json::from_str(about.of).unwrap_or_default();
    }
    if !properties.is_empty() {
        schema["properties"] = Value::Object(properties);
    }
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    let gvks: Vec<Value> =
        gvks.map(|gvk| json!({"group": &*gvk.group, "kind": &*gvk.kind, "version": &*gvk.version})).collect();
    if !gvks.is_empty() {
        schema["x-kubernetes-group-version-kind"] = gvks.into();
    }
    schema
}

fn property(field: Field) -> Value {
    let mut property = match field.shape() {
        Shape::Value => value(field.kind(), true),
        Shape::Pointer => value(field.kind(), false),
        Shape::List => json!({"type": "array", "items": value(field.kind(), true)}),
        Shape::Map => json!({"type": "object", "additionalProperties": value(field.kind(), true)}),
    };
    let patch = field.patch();
    if !field.patch_strategy().is_empty() {
        property["x-kubernetes-patch-strategy"] = field.patch_strategy().into();
    }
    if !patch.merge_key.is_empty() {
        property["x-kubernetes-patch-merge-key"] = patch.merge_key.into();
    }
    let rule = if field.shape() == Shape::List { "x-kubernetes-list-type" } else { "x-kubernetes-map-type" };
    match field.list() {
        ListRule::Unsaid => {}
        ListRule::Atomic => property[rule] = "atomic".into(),
        ListRule::Granular => property[rule] = "granular".into(),
        ListRule::Set => property[rule] = "set".into(),
        ListRule::Map(keys) => {
            property[rule] = "map".into();
            property["x-kubernetes-list-map-keys"] = keys.split(',').collect::<Vec<_>>().into();
        }
    }
    property
}

/// The schema of one value. A struct that is always there has the empty object as its default.
fn value(kind: Kind, always: bool) -> Value {
    match kind {
        Kind::String => json!({"type": "string"}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Int64 => json!({"type": "integer", "format": "int64"}),
        Kind::Float => json!({"type": "number", "format": "double"}),
        Kind::Bytes => json!({"type": "string", "format": "byte"}),
        Kind::Time => reference(&format!("{META}Time")),
        Kind::MicroTime => reference(&format!("{META}MicroTime")),
        Kind::Quantity => reference(QUANTITY),
        Kind::IntOrString => reference(INT_OR_STRING),
        Kind::Raw => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        Kind::Strings => json!({"type": "array", "items": {"type": "string"}}),
        // What stands beside the schema in these unions OpenAPI cannot say.
        Kind::SchemaOrBool | Kind::SchemaOrList | Kind::SchemaOrStrings => json!({}),
        Kind::Struct(of) => {
            let mut schema = reference(&definition(of));
            if always {
                schema["default"] = json!({});
            }
            schema
        }
    }
}

fn reference(name: &str) -> Value {
    json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}]})
}

/// Schemas of what the schema table has as kinds of values.
fn leaves() -> [(String, Value); 5] {
    [
        (QUANTITY.to_owned(), json!({"oneOf": [{"type": "string"}, {"type": "number"}]})),
        (format!("{META}MicroTime"), json!({"type": "string", "format": "date-time"})),
        (format!("{META}Patch"), json!({"type": "object"})),
        (format!("{META}Time"), json!({"type": "string", "format": "date-time"})),
        (
            INT_OR_STRING.to_owned(),
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}),
        ),
    ]
}

/// `core/v1.Pod` is `io.k8s.api.core.v1.Pod` in OpenAPI.
pub(super) fn definition(of: &Type) -> String {
    let dotted = of.name().replacen('/', ".", 1);
    let package = match of.name().split('/').next().unwrap_or_default() {
        "meta" => "io.k8s.apimachinery.pkg.apis",
        "apiextensions" => "io.k8s.apiextensions-apiserver.pkg.apis",
        "apiregistration" => "io.k8s.kube-aggregator.pkg.apis",
        _ => "io.k8s.api",
    };
    format!("{package}.{dotted}")
}
