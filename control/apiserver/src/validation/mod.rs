//! Validators that many kinds share, by subject, with the texts of `k8s.io/apimachinery/pkg/util/validation`.
//!
//! Two shapes: a *rule* takes a bare value and answers what is wrong with it in words (`names::dns_label`), a *validator*
//! takes a value with its path and answers field errors (`labels::validate`). [`check`] turns one into the other.

pub mod ip;
pub mod labels;
pub mod names;
pub mod number;
pub mod object_meta;
pub mod port;
pub mod quantity;
pub mod selector;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;

/// What is wrong with a text, in words; empty if nothing is.
pub type Faults = Vec<String>;

/// One error for each fault that `rule` finds in `text`.
pub fn check(path: &Path, text: &str, rule: fn(&str) -> Faults) -> Errors {
    rule(text).iter().map(|fault| Error::invalid(path, text, fault)).collect()
}

/// An error unless `text` is one of `supported`, which are named in the order given.
pub fn one_of(path: &Path, text: &str, supported: &[&str]) -> Errors {
    if supported.contains(&text) { Vec::new() } else { vec![Error::not_supported(path, text, supported)] }
}

/// The entries of the object at `value`, sorted by key; none if it is no object.
pub fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

/// The member `name` of an object, if it is there and not null.
pub fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|v| !v.is_null())
}

/// The elements of the list `name` of an object, each with its path.
pub fn each<'a>(path: &Path, value: &'a Value, name: &str) -> impl Iterator<Item = (Path, &'a Value)> + use<'a> {
    let path = path.child(name);
    value.list_at(name).iter().enumerate().map(move |(i, element)| (path.index(i), element))
}

/// Whether a value was given at all: absent, null, and empty lists and objects are alike to upstream's `len(…) > 0`.
pub fn is_given(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => true,
    }
}
