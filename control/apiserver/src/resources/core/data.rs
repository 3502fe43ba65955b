//! Keys and sizes of what ConfigMaps and Secrets hold.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::validation::{check, entries, names};

/// The most bytes that all values of one object may have together.
pub(super) const BYTES_MAX: usize = 1024 * 1024;

/// The text for a change of an object that says it does not change.
pub(super) const IMMUTABLE: &str = "field is immutable when `immutable` is set";

/// An error for each key that could not be a file's name.
pub(super) fn validate_key(path: &Path, key: &str) -> Errors {
    check(&path.key(key), key, names::config_map_key)
}

/// The bytes of all values of a map of texts.
pub(super) fn text_bytes(map: Option<&Value>) -> usize {
    entries(map).filter_map(|(_, value)| value.as_str()).map(str::len).sum()
}

/// The bytes of all values of a map of base64 texts, decoded.
pub(super) fn binary_bytes(map: Option<&Value>) -> usize {
    entries(map).filter_map(|(_, value)| value.as_str()).map(decoded_bytes).sum()
}

fn decoded_bytes(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count();
    (base64.len() / 4 * 3).saturating_sub(padding)
}

/// Errors for the changes of an object that said it would not change; `fields` are what it holds.
pub(super) fn validate_immutable(new: &Value, old: &Value, fields: &[&str]) -> Errors {
    if old.get("immutable") != Some(&Value::Bool(true)) {
        return Vec::new();
    }
    let stays = new.get("immutable") == Some(&Value::Bool(true));
    let freed = (!stays).then(|| Error::forbidden(&Path::new("immutable"), IMMUTABLE));
    let changed = fields.iter().filter(|field| !same(new.get(field), old.get(field)));
    freed.into_iter().chain(changed.map(|field| Error::forbidden(&Path::new(field), IMMUTABLE))).collect()
}

/// Whether two maps hold the same; an absent one is an empty one.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    entries(a).eq(entries(b))
}
