//! Values as Go's `%v` prints them, for messages that hold a patch.

use serde_json::Value;

/// `map[a:1 b:[x <nil>]]`.
pub(super) fn print(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("[{}]", join(list.iter().map(print))),
        Value::Object(map) => {
            format!("map[{}]", join(map.iter().map(|(key, value)| format!("{key}:{}", print(value)))))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The type of a value out of JSON.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// The kind of a value out of JSON.
pub(super) fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
        other => type_name(other),
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}
