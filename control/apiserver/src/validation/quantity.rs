//! Quantities that must not be negative or broken, and the resource names they stand under.
//!
//! Quantities were parsed and canonicalised when the object was decoded, so what does not parse here counts as zero.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::schema::Quantity;
use crate::validation::{check, names, number};

/// The quantity that a value is; zero if it is none.
pub fn of(value: &Value) -> Quantity {
    let parsed = match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    };
    parsed.unwrap_or_else(|| Quantity::from_units(0))
}

/// An error if the quantity is below zero.
pub fn validate_non_negative(path: &Path, quantity: &Value) -> Errors {
    if of(quantity).is_negative() {
        return vec![Error::invalid(path, quantity.clone(), number::NOT_NEGATIVE)];
    }
    Vec::new()
}

/// A quantity of a resource: not negative, and whole where the resource is counted (`ValidateResourceQuantityValue`).
pub fn validate_value(path: &Path, resource: &str, quantity: &Value) -> Errors {
    let mut errors = validate_non_negative(path, quantity);
    if is_integer_resource(resource) && !of(quantity).is_whole() {
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
    name == "storage" || is_standard_for_quotas(name)
}

/// Those of them that a quota can count.
pub fn is_standard_for_quotas(name: &str) -> bool {
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
