//! Strategic merge patch: maps merge member by member, lists as the schema says, and directives change both.
//!
//! Follows `k8s.io/apimachinery/pkg/util/strategicpatch`, whose errors clients see as they are.

mod list;

use serde_json::{Map, Value};

use super::bare;
use super::go_print::{print, type_name};
use crate::error::Failure;
use crate::schema::{Field, Kind, PatchRule, Shape, Type};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList";
const SET_ORDER: &str = "$setElementOrder";

/// What is known of the place where two values merge.
#[derive(Clone, Copy)]
enum Place {
    Struct(&'static Type),
    /// No struct: its kind in Go.
    Other(&'static str),
}

/// The patched tree; members that the type does not know are still in it.
pub(super) fn apply(current: Value, patch: Value, of: &'static Type) -> Result<Value, Failure> {
    let (Value::Object(current), Value::Object(patch)) = (current, patch) else {
        return Err(bare("expected a map[string]interface {}"));
    };
    merge_maps(current, patch, Place::Struct(of)).map(Value::Object)
}

fn merge_maps(
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    place: Place,
) -> Result<Map<String, Value>, Failure> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(unknown_directive(directive, &patch)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    list::set_orders(&mut original, &mut patch, place)?;
    for (key, value) in patch {
        merge_member(&mut original, key, value, place)?;
    }
    Ok(original)
}

fn merge_member(original: &mut Map<String, Value>, key: String, mut value: Value, place: Place) -> Result<(), Failure> {
    let (key, deletes) = match strip(&key, DELETE_FROM)? {
        Some(list) => (list, true),
        None => (key, false),
    };
    if value.is_null() {
        original.remove(&key);
        return Ok(());
    }
    let current = original.remove(&key);
    let merged = match (current, deletes) {
        (None, true) => None,
        (Some(Value::Object(current)), _) if value.is_object() => {
            let Value::Object(patch) = value else { return Ok(()) };
            let (field, inner) = place.member(&key)?;
            Some(Value::Object(if field.replace { patch } else { merge_maps(current, patch, inner)? }))
        }
        (Some(Value::Array(current)), _) if value.is_array() => {
            let Value::Array(patch) = value else { return Ok(()) };
            let (field, inner) = place.list(&key)?;
            let whole = !field.merge && !deletes;
            let list = if whole { patch } else { list::merge(current, patch, inner, field.merge_key, deletes)? };
            Some(Value::Array(list))
        }
        (Some(current), true) if type_name(&current) != type_name(&value) => Some(current),
        (_, _) => {
            discard_nulls(&mut value);
            without_directives(value)
        }
    };
    if let Some(merged) = merged {
        original.insert(key, merged);
    }
    Ok(())
}

// === impl Place ===

impl Place {
    fn field(self, key: &str) -> Result<Field, Failure> {
        let of = match self {
            Place::Struct(of) => of,
            Place::Other(kind) => {
                let text = format!("merging an object in json but data type is not struct, instead is: {kind}");
                return Err(bare(text));
            }
        };
        of.field(key).ok_or_else(|| {
            bare(format!("unable to find api field in struct {} for the json field {key:?}", of.short_name()))
        })
    }

    fn member(self, key: &str) -> Result<(PatchRule, Place), Failure> {
        let field = self.field(key)?;
        let inner = match (field.shape(), field.kind()) {
            (Shape::Map, _) => Place::Other("map"),
            (Shape::List, _) => Place::Other("slice"),
            (Shape::Value | Shape::Pointer, Kind::Struct(inner)) => Place::Struct(inner),
            (Shape::Value | Shape::Pointer, _) => Place::Other("struct"),
        };
        Ok((field.patch(), inner))
    }

    fn list(self, key: &str) -> Result<(PatchRule, Place), Failure> {
        let field = self.field(key)?;
        match (field.shape(), field.kind()) {
            (Shape::List, Kind::Struct(inner)) => Ok((field.patch(), Place::Struct(inner))),
            (Shape::List, _) => Ok((field.patch(), Place::Other("string"))),
            _ => Err(bare("expected slice or array type, but got: struct")),
        }
    }
}

/// Clears the members that the patch does not name to be kept.
fn retain_keys(original: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Result<(), Failure> {
    let Some(keep) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let bad = || Failure::bad_request("invalid patch format of retainKeys");
    let Value::Array(keep) = keep else { return Err(bad()) };
    let kept = |key: &str| keep.iter().any(|k| k.as_str() == Some(key));
    let directive = |key: &str| key.starts_with(DELETE_FROM) || key.starts_with(SET_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !directive(key) && !kept(key)) {
        return Err(bad());
    }
    original.retain(|key, _| kept(key));
    Ok(())
}

/// What stands behind `$directive/`, if `key` is that directive.
fn strip(key: &str, directive: &str) -> Result<Option<String>, Failure> {
    let Some(rest) = key.strip_prefix(directive) else { return Ok(None) };
    match rest.strip_prefix('/') {
        Some(list) => Ok(Some(list.to_owned())),
        None if directive == SET_ORDER => Err(Failure::bad_request("invalid patch format of setElementOrder list")),
        None => Err(Failure::bad_request("invalid patch format of primitive list")),
    }
}

fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(discard_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(discard_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A new value without the maps in it that are directives; `None` if it is one itself.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(list) => Some(Value::Array(list.into_iter().filter_map(without_directives).collect())),
        other => Some(other),
    }
}

fn unknown_directive(directive: &Value, patch: &Map<String, Value>) -> Failure {
    let shown = match directive {
        Value::String(text) => text.clone(),
        other => format!("%!s({}={})", type_name(other), print(other)),
    };
    bare(format!("unknown patch type: {shown} in map: {}", print(&Value::Object(patch.clone()))))
}
