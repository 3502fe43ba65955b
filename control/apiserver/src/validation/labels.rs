//! Labels, annotations and the label selectors of objects and templates.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::validation::{check, entries, names};

/// The most bytes that all annotations of an object may have.
pub const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// Labels: keys are qualified names, values label values. All errors name the map itself.
pub fn validate(path: &Path, labels: Option<&Value>) -> Errors {
    let one = |(key, value): (&String, &Value)| {
        let mut errors = check(path, key, names::qualified_name);
        errors.extend(check(path, value.as_str().unwrap_or_default(), names::label_value));
        errors
    };
    entries(labels).flat_map(one).collect()
}

/// Annotations: keys are qualified names in any case, all together of bounded size.
pub fn validate_annotations(path: &Path, annotations: Option<&Value>) -> Errors {
    let mut errors = Vec::new();
    let mut bytes = 0;
    for (key, value) in entries(annotations) {
        let faults = names::qualified_name(&key.to_lowercase());
        errors.extend(faults.iter().map(|fault| Error::invalid(path, key.as_str(), fault)));
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > ANNOTATIONS_BYTES_MAX {
        errors.push(Error::too_long(path, ANNOTATIONS_BYTES_MAX));
    }
    errors
}
