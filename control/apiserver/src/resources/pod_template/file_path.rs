//! Paths and modes of files in volumes.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;

const MODE_MAX: i64 = 0o777;
const NO_BACKSTEPS: &str = "must not contain '..'";

/// A path that stays below where it starts.
pub fn validate_descending(path: &Path, text: &str) -> Errors {
    let mut errors = Vec::new();
    if text.starts_with('/') {
        errors.push(Error::invalid(path, text, "must be a relative path"));
    }
    errors.extend(validate_no_backsteps(path, text));
    errors
}

/// The same, and its first element does not begin with two dots (the kubelet's own files do).
pub fn validate_not_reserved(path: &Path, text: &str) -> Errors {
    let mut errors = validate_descending(path, text);
    if text.starts_with("..") && !text.starts_with("../") {
        errors.push(Error::invalid(path, text, "must not start with '..'"));
    }
    errors
}

/// A path without the element `..`.
pub fn validate_no_backsteps(path: &Path, text: &str) -> Errors {
    if text.split('/').any(|element| element == "..") {
        vec![Error::invalid(path, text, NO_BACKSTEPS)]
    } else {
        Vec::new()
    }
}

/// The permission bits `name` of `value`, if they are given.
pub fn validate_mode(path: &Path, value: &Value, name: &str) -> Errors {
    let bad = value.i64_at(name).filter(|mode| !(0..=MODE_MAX).contains(mode));
    let detail = "must be a number between 0 and 0777 (octal), both inclusive";
    bad.map(|mode| Error::invalid(&path.child(name), mode, detail)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_their_start() {
        for (text, faults) in [("a/b", 0), ("/a", 1), ("a/../b", 1), ("..", 2), ("..a", 1), ("../a", 1), ("", 0)] {
            assert_eq!(validate_not_reserved(&Path::new("p"), text).len(), faults, "{text}");
        }
    }
}
