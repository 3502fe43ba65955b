//! Quantities as numbers, and the resource names they stand under (`validation.ValidateResourceQuantityValue`).
//!
//! Quantities were parsed and canonicalised when the object was decoded, so what does not parse here counts as zero.

use std::fmt;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::validation::{check, names, number};

/// An exact amount in billionths, the finest that a quantity can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub i128);

const NANOS_PER_UNIT: i128 = 1_000_000_000;
/// More digits than any quantity of 2^63 billionths of an exbibyte needs.
const TEXT_BYTES_MAX: usize = 64;

const DECIMAL: &[(&str, i128)] = &[
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("", NANOS_PER_UNIT),
    ("k", NANOS_PER_UNIT * 1_000),
    ("M", NANOS_PER_UNIT * 1_000_000),
    ("G", NANOS_PER_UNIT * 1_000_000_000),
    ("T", NANOS_PER_UNIT * 1_000_000_000_000),
    ("P", NANOS_PER_UNIT * 1_000_000_000_000_000),
    ("E", NANOS_PER_UNIT * 1_000_000_000_000_000_000),
];

const BINARY: &[(&str, i128)] = &[
    ("Ki", NANOS_PER_UNIT << 10),
    ("Mi", NANOS_PER_UNIT << 20),
    ("Gi", NANOS_PER_UNIT << 30),
    ("Ti", NANOS_PER_UNIT << 40),
    ("Pi", NANOS_PER_UNIT << 50),
    ("Ei", NANOS_PER_UNIT << 60),
];

// === impl Amount ===

impl Amount {
    /// The amount a quantity stands for; zero if it is none.
    pub fn of(quantity: &Value) -> Amount {
        match quantity {
            Value::String(text) => Amount::parse(text).unwrap_or_default(),
            Value::Number(number) => Amount::parse(&number.to_string()).unwrap_or_default(),
            _ => Amount::default(),
        }
    }

    /// The amount of the quantity `text`.
    pub fn parse(text: &str) -> Option<Amount> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (scale, shift) = match DECIMAL.iter().chain(BINARY).find(|(name, _)| *name == suffix) {
            Some((_, scale)) => (*scale, 0),
            None => (NANOS_PER_UNIT, suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?),
        };
        let (negative, digits) = match number.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
        let exponent = shift - i32::try_from(fraction.len()).ok()?;
        let nanos = scaled(mantissa.checked_mul(scale)?, exponent)?;
        Some(Amount(if negative { -nanos } else { nanos }))
    }

    /// Whether it is a whole number.
    pub fn is_integer(self) -> bool {
        self.0 % NANOS_PER_UNIT == 0
    }

    /// Whether it is a multiple of a positive amount.
    pub fn is_multiple_of(self, other: Amount) -> bool {
        other.0 > 0 && self.0 % other.0 == 0
    }
}

impl fmt::Display for Amount {
    /// As the decimal quantity with the largest suffix that leaves no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, scale): &&(&str, i128)| self.0 % scale == 0;
        match DECIMAL.iter().rev().find(fits) {
            Some((suffix, scale)) if self.0 != 0 => write!(f, "{}{suffix}", self.0 / scale),
            _ => f.write_str("0"),
        }
    }
}

/// `number * 10^exponent`, rounded up as upstream rounds what is finer than a billionth.
fn scaled(number: i128, exponent: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent >= 0 { number.checked_mul(power) } else { Some(number.checked_add(power - 1)? / power) }
}

// === validators ===

/// An error if the quantity is below zero.
pub fn validate_non_negative(path: &Path, quantity: &Value) -> Errors {
    if Amount::of(quantity) >= Amount::default() {
        return Vec::new();
    }
    vec![Error::invalid(path, quantity.clone(), number::NOT_NEGATIVE)]
}

/// A quantity of a resource: not negative, and whole where the resource is counted (`ValidateResourceQuantityValue`).
pub fn validate_value(path: &Path, resource: &str, quantity: &Value) -> Errors {
    let mut errors = validate_non_negative(path, quantity);
    if is_integer_resource(resource) && !Amount::of(quantity).is_integer() {
        errors.push(Error::invalid(path, quantity.clone(), "must be an integer"));
    }
    errors
}

/// The name of a resource: qualified, and standard if it has no prefix (`validateResourceName`).
pub fn validate_resource_name(path: &Path, name: &str) -> Errors {
    let errors = check(path, name, names::qualified_name);
    if errors.is_empty() && !name.contains('/') && !is_standard(name) {
        return vec![Error::invalid(path, name, "must be a standard resource type or fully qualified")];
    }
    errors
}

/// The name of a resource that a container can ask for (`validateContainerResourceName`).
pub fn validate_container_resource_name(path: &Path, name: &str) -> Errors {
    let mut errors = validate_resource_name(path, name);
    if !name.contains('/') {
        if !is_standard_for_containers(name) {
            errors.push(Error::invalid(path, name, "must be a standard resource for containers"));
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.push(Error::invalid(path, name, "doesn't follow extended resource name standard"));
    }
    errors
}

/// Resources that upstream names without a prefix.
fn is_standard(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "persistentvolumeclaims",
        "configmaps",
        "services.nodeports",
        "services.loadbalancers",
        "storage",
        "requests.storage",
    ];
    NAMES.contains(&name) || is_huge_pages(name) || name.starts_with("requests.hugepages-")
}

/// Resources without a prefix that a container can ask for.
pub fn is_standard_for_containers(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_pages(name)
}

/// `hugepages-2Mi`.
pub fn is_huge_pages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Kubernetes' own: without a prefix, or under `kubernetes.io/`.
pub fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Of a device plugin: a prefix that is not Kubernetes' and a name that still fits behind `requests.`.
pub fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::qualified_name(&format!("requests.{name}")).is_empty()
}

/// Whether a limit may differ from its request.
pub fn is_overcommit_allowed(name: &str) -> bool {
    is_native(name) && !is_huge_pages(name)
}

fn is_integer_resource(name: &str) -> bool {
    const COUNTED: &[&str] = &[
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    ];
    COUNTED.contains(&name) || is_extended(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact_amounts() {
        let rows = [
            ("1", 1_000_000_000),
            ("100m", 100_000_000),
            ("1.5", 1_500_000_000),
            ("-1", -1_000_000_000),
            ("1Ki", 1024 * 1_000_000_000),
            ("1e3", 1000 * 1_000_000_000),
            ("1E", 1_000_000_000_000_000_000 * 1_000_000_000),
            ("1n", 1),
            (".5", 500_000_000),
            ("5.", 5_000_000_000),
        ];
        for (text, nanos) in rows {
            assert_eq!(Amount::parse(text), Some(Amount(nanos)), "{text}");
        }
        for text in ["", "x", "1mb", "1e", "1e99999", "."] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_print_as_decimal_quantities() {
        for (text, printed) in [("2000m", "2"), ("1500m", "1500m"), ("3000", "3k"), ("0", "0")] {
            assert_eq!(Amount::parse(text).map(|a| a.to_string()), Some(printed.to_owned()), "{text}");
        }
    }
}
