//! What of a claim may change: its volume once, its class if it had none, its size when it is bound.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::changes::changes;
use crate::resources::core::volume::{self, CLASS_ANNOTATION, STORAGE};
use crate::validation::{check, entries, is_given, names, number, one_of, quantity};

/// The states of a volume that grows.
const GROWTH: [&str; 5] = [
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
];

/// What is wrong with a change of the claim.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = validate_spec(new, old);
    let path = Path::new("spec.resources.requests.storage");
    let amount = |object: &Value, path: &str| quantity::of(object.at(path).unwrap_or(&Value::Null));
    let (size, before) =
        (amount(new, "spec.resources.requests.storage"), amount(old, "spec.resources.requests.storage"));
    // A claim that could not grow may take back what it asked for, but not what it has.
    if size < before && size <= amount(old, "status.capacity.storage") {
        errors.push(Error::forbidden(&path, "field can not be less than status.capacity"));
    }
    errors.extend(volume::validate_same_mode(new, old));
    errors.extend(volume::validate_kept_attributes(new, old));
    errors
}

fn validate_spec(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let mut allowed = new.at("spec").cloned().unwrap_or_default();
    let before = old.at("spec").cloned().unwrap_or_default();
    let mut may = |field: &str| crate::resources::keep(&mut allowed, &before, field);
    if before.str_at("volumeName").is_empty() {
        may("volumeName");
    }
    let annotation = |object: &Value| volume::annotation(object, CLASS_ANNOTATION).map(str::to_owned);
    let (is, was) = (annotation(new), annotation(old));
    let class = new.at("spec.storageClassName");
    if was.is_some() && is.is_none() && class.and_then(Value::as_str) == was.as_deref() {
        may("storageClassName");
    } else {
        if is != was {
            let path = Path::new("metadata.annotations").child(CLASS_ANNOTATION);
            errors.push(Error::invalid(&path, is.unwrap_or_default(), "field is immutable"));
        }
        if was.is_none() && before.at("storageClassName").is_none() && class.is_some() {
            may("storageClassName");
        }
    }
    if new.str_at("status.phase") == "Bound" {
        may("resources.requests");
        may("volumeAttributesClassName");
    }
    if allowed != before {
        let what = "spec is immutable after creation except resources.requests and volumeAttributesClassName for \
                    bound claims";
        let changes = changes(&before, new.at("spec").unwrap_or(&Value::Null));
        errors.push(Error::forbidden(&Path::new("spec"), &format!("{what}\n{changes}")));
    }
    errors
}

/// What is wrong with a changed status.
pub(super) fn validate_status(new: &Value) -> Errors {
    let path = Path::new("status");
    let mut errors = Errors::new();
    if new.list_at("spec.accessModes").is_empty() {
        errors.push(Error::required(&Path::new("Spec.accessModes"), ""));
    }
    for (name, amount) in entries(new.at("status.capacity")) {
        if quantity::of(amount).is_negative() {
            let path = path.child("capacity").key(name);
            errors.push(Error::invalid(&path, amount.clone(), "must be a valid resource quantity"));
        }
    }
    let at = path.child("allocatedResourceStatuses");
    for (name, state) in entries(new.at("status.allocatedResourceStatuses")) {
        errors.extend(validate_resource(&at, name));
        if one_of(&at, state.as_str().unwrap_or_default(), &GROWTH).is_empty() {
            continue;
        }
        // Upstream names the resource and not its state.
        errors.push(Error::not_supported(&at, name.as_str(), &GROWTH));
    }
    let at = path.child("allocatedResources");
    for (name, amount) in entries(new.at("status.allocatedResources")) {
        let wrong = validate_resource(&at, name);
        if wrong.is_empty() && quantity::of(amount).is_negative() {
            errors.push(Error::invalid(&at.key(name), amount.clone(), number::NOT_NEGATIVE));
        }
        errors.extend(wrong);
    }
    errors
}

/// Storage, or something with a domain that is not Kubernetes' own.
fn validate_resource(path: &Path, name: &str) -> Errors {
    let errors = check(path, name, names::qualified_name);
    if is_given(Some(&name.into())) && errors.is_empty() && name != STORAGE && quantity::is_native(name) {
        return vec![Error::not_supported(path, name, &[STORAGE])];
    }
    errors
}
