//! Ports: numbers, names, and either.

use serde_json::Value;

use crate::field::{Errors, Path};
use crate::validation::{Faults, check, names, number};

/// The highest port.
pub const PORT_MAX: i64 = 65535;
const PORT_NAME_BYTES_MAX: usize = 15;

/// The name of a port: `http`.
pub fn port_name(text: &str) -> Faults {
    let mut faults = names::longer_than(text, PORT_NAME_BYTES_MAX, "characters");
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen".to_owned());
    }
    faults
}

/// A port number; absent is 0, which is none.
pub fn validate_number(path: &Path, port: Option<i64>) -> Errors {
    number::in_range(path, Some(port.unwrap_or(0)), 1, PORT_MAX)
}

/// A number or a name (`ValidatePortNumOrName`); absent is 0.
pub fn validate_number_or_name(path: &Path, port: Option<&Value>) -> Errors {
    match port {
        Some(Value::String(name)) => check(path, name, port_name),
        other => validate_number(path, other.and_then(Value::as_i64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_names_have_a_letter_and_single_hyphens() {
        let rows = [
            ("http", 0),
            ("a-1", 0),
            ("8080", 1),
            ("", 2),
            ("HTTP", 2),
            ("a--b", 1),
            ("-a", 1),
            ("averyverylongname", 1),
        ];
        for (name, faults) in rows {
            assert_eq!(port_name(name).len(), faults, "{name}");
        }
    }
}
