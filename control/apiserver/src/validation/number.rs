//! Bounds of integers.

use serde_json::Value;

use crate::field::{Error, Errors, Path};

/// The text for a number below zero.
pub const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// The text for a number outside of a range.
pub fn between(min: i64, max: i64) -> String {
    format!("must be between {min} and {max}, inclusive")
}

/// An error if a number that is given is below zero.
pub fn non_negative(path: &Path, value: Option<i64>) -> Errors {
    value.filter(|v| *v < 0).map(|v| Error::invalid(path, v, NOT_NEGATIVE)).into_iter().collect()
}

/// An error if a number that is given is outside of `min..=max`.
pub fn in_range(path: &Path, value: Option<i64>, min: i64, max: i64) -> Errors {
    let bad = value.filter(|v| !(min..=max).contains(v));
    bad.map(|v| Error::invalid(path, v, &between(min, max))).into_iter().collect()
}

/// A count or a percentage such as `25%` that is not negative (`ValidatePositiveIntOrPercent`).
pub fn non_negative_int_or_percent(path: &Path, value: &Value) -> Errors {
    match value {
        Value::String(text) => super::check(path, text, super::names::percent),
        other => non_negative(path, other.as_i64()),
    }
}
