//! From the tree that a strategic merge gave to an object of its type, with the words of upstream's converter.

use serde_json::{Map, Value};

use super::go_print::{kind_name, type_name};
use crate::schema::decode::Decoded;
use crate::schema::time::{Precision, normalize};
use crate::schema::{Field, Kind, Quantity, Shape, Type, base64, canonicalise, check};

/// Checks every value against its field and drops what the type does not know.
pub(super) fn restore(tree: Value, of: &'static Type) -> Result<Decoded, String> {
    let mut strict = check(&tree, of);
    strict.sort();
    let mut object = structure(tree, of)?;
    canonicalise(&mut object, of);
    Ok(Decoded { object, strict })
}

fn structure(value: Value, of: &'static Type) -> Result<Value, String> {
    let Value::Object(map) = value else {
        return Err(format!("cannot restore struct from: {}", kind_name(&value)));
    };
    let mut kept = Map::new();
    for (name, value) in map {
        if let Some(field) = of.field(&name) {
            kept.insert(name, member(value, field)?);
        }
    }
    Ok(Value::Object(kept))
}

fn member(value: Value, field: Field) -> Result<Value, String> {
    match (field.shape(), value) {
        (_, Value::Null) => Ok(Value::Null),
        (Shape::Value | Shape::Pointer, value) => single(value, field.kind()),
        (Shape::List, Value::Array(list)) => elements(list, field.kind()),
        (Shape::List, other) => Err(format!("cannot restore slice from {}", kind_name(&other))),
        (Shape::Map, Value::Object(map)) => {
            let pairs = map.into_iter().map(|(key, value)| Ok((key, element(value, field.kind())?)));
            Ok(Value::Object(pairs.collect::<Result<_, String>>()?))
        }
        (Shape::Map, other) => Err(format!("cannot restore map from {}", kind_name(&other))),
    }
}

fn elements(list: Vec<Value>, kind: Kind) -> Result<Value, String> {
    list.into_iter().map(|value| element(value, kind)).collect::<Result<_, _>>().map(Value::Array)
}

/// A value in a list or map, where null is the zero value.
fn element(value: Value, kind: Kind) -> Result<Value, String> {
    if value.is_null() { Ok(crate::schema::zero(kind)) } else { single(value, kind) }
}

fn single(value: Value, kind: Kind) -> Result<Value, String> {
    let words = |kind: &str, value: &Value| misfit(value, kind);
    match (kind, value) {
        (Kind::String, value @ Value::String(_)) => Ok(value),
        (Kind::Bool, value @ Value::Bool(_)) => Ok(value),
        (Kind::Int32, value) => integer(value, "int32", |n| i64::from(n as i32)),
        (Kind::Int64, value) => integer(value, "int64", |n| n),
        (Kind::Float, value @ Value::Number(_)) => Ok(value),
        (Kind::Raw, value) => Ok(value),
        (Kind::Bytes, Value::String(text)) => {
            base64::normalize(&text).map(Value::String).map_err(|e| format!("error decoding from json: {e}"))
        }
        (Kind::Bytes, other) => Err(format!("cannot restore slice from {}", kind_name(&other))),
        (Kind::Time, Value::String(text)) => normalize(&text, Precision::Seconds).map(Value::String),
        (Kind::MicroTime, Value::String(text)) => normalize(&text, Precision::Micros).map(Value::String),
        (Kind::Time | Kind::MicroTime, other) => Err(unmarshal(&other, "string")),
        (Kind::Quantity, value) => quantity(&value),
        (Kind::IntOrString, value @ Value::String(_)) => Ok(value),
        (Kind::IntOrString, value) => match value.as_i64().filter(|n| i32::try_from(*n).is_ok()) {
            Some(number) => Ok(Value::from(number)),
            None => Err(unmarshal(&value, "int32")),
        },
        (Kind::Strings, Value::Array(list)) => elements(list, Kind::String),
        (Kind::Strings, other) => Err(format!("cannot restore slice from {}", kind_name(&other))),
        (Kind::Struct(inner), value) => structure(value, inner),
        // Custom resource definitions: their schemas are checked as schemas, not here.
        (Kind::SchemaOrBool | Kind::SchemaOrList | Kind::SchemaOrStrings, value) => Ok(value),
        (Kind::String, other) => Err(words("string", &other)),
        (Kind::Bool, other) => Err(words("bool", &other)),
        (Kind::Float, other) => Err(words("float64", &other)),
    }
}

/// Upstream's converter takes a float without a fraction for an integer, and cuts integers to size.
fn integer(value: Value, kind: &str, cut: fn(i64) -> i64) -> Result<Value, String> {
    if let Some(number) = value.as_i64() {
        return Ok(Value::from(cut(number)));
    }
    match value.as_f64() {
        Some(float) if float == float.trunc() => Ok(Value::from(cut(float as i64))),
        _ => Err(misfit(&value, kind)),
    }
}

fn quantity(value: &Value) -> Result<Value, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match Quantity::parse(text.trim()) {
        Ok(quantity) => Ok(Value::String(quantity.to_string())),
        Err(error) => Err(error.to_string()),
    }
}

/// Go can convert numbers to each other and to strings, but refuses to here; other pairs it does not know at all.
fn misfit(value: &Value, kind: &str) -> String {
    let convertible = value.is_number() && kind != "bool";
    if convertible {
        format!("cannot convert {} to {kind}", type_name(value))
    } else {
        format!("unrecognized type: {kind}")
    }
}

fn unmarshal(value: &Value, go: &str) -> String {
    let what = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {what} into Go value of type {go}")
}
