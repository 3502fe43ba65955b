//! The one form of an object: which members are written when they are empty, as Go's struct tags decide upstream.

use serde_json::{Map, Value};

use super::kind::{Kind, Presence, Shape};
use super::table::{Field, Type};

/// Brings an object to the form in which it is stored and answered: always-written members are there, empty
/// `omitempty` ones are not. Members that the type does not know are left alone. Idempotent.
pub fn canonicalise(object: &mut Value, of: &Type) {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    if let Value::Object(map) = object {
        members(map, of);
    }
}

fn members(map: &mut Map<String, Value>, of: &Type) {
    for field in of.fields() {
        match (field.presence(), field.kind()) {
            (Presence::Inline, Kind::Struct(inner)) => members(map, inner),
            _ => member(map, field),
        }
    }
}

fn member(map: &mut Map<String, Value>, field: Field) {
    let name = field.json();
    let kept = match field.shape() {
        Shape::Value => value(map.get_mut(name), field),
        Shape::Pointer => pointer(map.get_mut(name), field),
        Shape::List | Shape::Map => many(map.get_mut(name), field),
    };
    match kept {
        Kept::AsItIs => {}
        Kept::Not => {
            map.remove(name);
        }
        Kept::Zero(zero) => {
            map.insert(name.to_owned(), zero);
        }
    }
}

enum Kept {
    AsItIs,
    Not,
    Zero(Value),
}

fn value(present: Option<&mut Value>, field: Field) -> Kept {
    if let Kind::Struct(inner) = field.kind() {
        return structure(present, inner, field.presence());
    }
    if present.is_some_and(|value| !is_zero(value, field.kind())) {
        return Kept::AsItIs;
    }
    match (field.presence(), field.kind()) {
        (Presence::OmitZero, _) => Kept::Not,
        // Go's `omitempty` never leaves a struct out.
        (Presence::OmitEmpty, kind) if !is_struct_in_go(kind) => Kept::Not,
        (_, kind) => Kept::Zero(zero(kind)),
    }
}

fn structure(present: Option<&mut Value>, inner: &'static Type, presence: Presence) -> Kept {
    let mut fresh = Value::Null;
    let there = present.is_some();
    let target = present.unwrap_or(&mut fresh);
    canonicalise(target, inner);
    let empty = target.as_object().is_some_and(Map::is_empty);
    match (presence, empty, there) {
        (Presence::OmitZero, true, _) => Kept::Not,
        (_, _, true) => Kept::AsItIs,
        (_, _, false) => Kept::Zero(fresh),
    }
}

fn pointer(present: Option<&mut Value>, field: Field) -> Kept {
    match present {
        Some(value) if !value.is_null() => {
            if let Kind::Struct(inner) = field.kind() {
                canonicalise(value, inner);
            }
            Kept::AsItIs
        }
        _ if field.presence() == Presence::Always => Kept::Zero(Value::Null),
        _ => Kept::Not,
    }
}

fn many(present: Option<&mut Value>, field: Field) -> Kept {
    match present {
        Some(value) if !is_empty(value) => {
            elements(value, field.kind());
            Kept::AsItIs
        }
        // The lists of a kind are `[]`, other empty lists `null`: protobuf, in which upstream stores, cannot tell.
        Some(Value::Array(_)) if field.json() == "items" => Kept::AsItIs,
        _ if field.presence() == Presence::Always => Kept::Zero(Value::Null),
        _ => Kept::Not,
    }
}

fn elements(list: &mut Value, kind: Kind) {
    let Kind::Struct(inner) = kind else { return };
    match list {
        Value::Array(list) => list.iter_mut().for_each(|element| canonicalise(element, inner)),
        Value::Object(map) => map.values_mut().for_each(|element| canonicalise(element, inner)),
        _ => {}
    }
}

/// The value that Go has where nothing was given.
pub(crate) fn zero(kind: Kind) -> Value {
    match kind {
        Kind::String => Value::from(""),
        Kind::Bool => Value::from(false),
        Kind::Int32 | Kind::Int64 | Kind::Float | Kind::IntOrString => Value::from(0),
        Kind::Quantity => Value::from("0"),
        Kind::Struct(inner) => {
            let mut value = Value::Null;
            canonicalise(&mut value, inner);
            value
        }
        Kind::Bytes
        | Kind::Time
        | Kind::MicroTime
        | Kind::Raw
        | Kind::Strings
        | Kind::SchemaOrBool
        | Kind::SchemaOrList
        | Kind::SchemaOrStrings => Value::Null,
    }
}

/// A float as Go writes it: without a fraction if it has none.
pub(crate) fn float(number: f64) -> Value {
    /// Up to here every integer is a float of its own.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT_MAX { Value::from(number as i64) } else { Value::from(number) }
}

fn is_zero(value: &Value, kind: Kind) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag && kind == Kind::Bool,
        Value::Number(number) => number.as_f64() == Some(0.0) && !is_struct_in_go(kind),
        Value::String(text) => text.is_empty() && !is_struct_in_go(kind),
        Value::Array(list) => list.is_empty() && kind == Kind::Strings,
        Value::Object(_) => false,
    }
}

fn is_struct_in_go(kind: Kind) -> bool {
    match kind {
        Kind::Time | Kind::MicroTime | Kind::Quantity | Kind::IntOrString | Kind::Raw | Kind::Struct(_) => true,
        Kind::SchemaOrBool | Kind::SchemaOrList | Kind::SchemaOrStrings => true,
        Kind::String | Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float | Kind::Bytes | Kind::Strings => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The members of `object` that its type does not know, as `unknown field "spec.x"`, in order of their names.
pub fn check(object: &Value, of: &Type) -> Vec<String> {
    let mut found = Vec::new();
    unknown(object, of, "", &mut found);
    found
}

fn unknown(value: &Value, of: &Type, path: &str, found: &mut Vec<String>) {
    let Value::Object(map) = value else { return };
    for (name, value) in map {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let Some(field) = of.field(name) else {
            found.push(format!("unknown field \"{path}\""));
            continue;
        };
        let Kind::Struct(inner) = field.kind() else { continue };
        match (field.shape(), value) {
            (Shape::List, Value::Array(list)) => {
                for (index, element) in list.iter().enumerate() {
                    unknown(element, inner, &format!("{path}[{index}]"), found);
                }
            }
            (Shape::Map, Value::Object(map)) => {
                for (key, element) in map {
                    unknown(element, inner, &format!("{path}.{key}"), found);
                }
            }
            (Shape::Value | Shape::Pointer, value) => unknown(value, inner, &path, found),
            _ => {}
        }
    }
}
