//! Storage that outlives pods: volumes, the claims on them, and what both say alike.

mod claim;
mod claim_update;
mod persistent;
mod source;

pub(super) use claim::row as claim_row;
pub(super) use persistent::row as volume_row;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{check, names, one_of};

/// Where the class stood before it had a field.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
/// The cell of a class of attributes that is not given.
const UNSET: &str = "<unset>";
/// The only resource that storage has.
const STORAGE: &str = "storage";

/// The access modes, and how tables show them.
const MODES: [(&str, &str); 4] =
    [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];

/// The name of the class of a volume or claim; empty if it has none.
pub(crate) fn class_of(object: &Value) -> &str {
    annotation(object, CLASS_ANNOTATION).unwrap_or_else(|| object.str_at("spec.storageClassName"))
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.at("metadata.annotations")?.get(key)?.as_str()
}

/// `Terminating`, or the phase.
fn phase_cell(object: &Value) -> Value {
    let deleting = object.at("metadata.deletionTimestamp").is_some();
    if deleting { "Terminating".into() } else { object.str_at("status.phase").into() }
}

/// `RWO,ROX`.
fn modes_cell(modes: &[Value]) -> Value {
    let given = MODES.iter().filter(|(mode, _)| modes.iter().any(|given| given == mode));
    given.map(|(_, short)| *short).collect::<Vec<_>>().join(",").into()
}

/// The text at `path`, or `<unset>`.
fn or_unset(object: &Value, path: &str) -> Value {
    object.at(path).and_then(Value::as_str).unwrap_or(UNSET).into()
}

/// Access modes that exist, of which the exclusive one stands alone. `required` is what is said if there are none.
fn validate_modes(path: &Path, modes: &[Value], required: &str) -> Errors {
    let exclusive = "ReadWriteOncePod";
    let mut errors = Errors::new();
    if modes.is_empty() {
        errors.push(Error::required(path, required));
    }
    errors.extend(validate_known_modes(path, modes));
    if modes.iter().any(|mode| mode == exclusive) && modes.iter().any(|mode| mode != exclusive) {
        errors.push(Error::forbidden(path, "may not use ReadWriteOncePod with other access modes"));
    }
    errors
}

fn validate_known_modes(path: &Path, modes: &[Value]) -> Errors {
    let mut known = MODES.map(|(mode, _)| mode);
    known.sort_unstable();
    modes.iter().flat_map(|mode| one_of(path, mode.as_str().unwrap_or_default(), &known)).collect()
}

/// The names of classes, and the mode, of the spec of a volume or claim.
fn validate_class(path: &Path, spec: &Value) -> Errors {
    let name = spec.str_at("storageClassName");
    if name.is_empty() { Errors::new() } else { check(&path.child("storageClassName"), name, names::dns_subdomain) }
}

fn validate_mode(path: &Path, spec: &Value) -> Errors {
    match spec.at("volumeMode").and_then(Value::as_str) {
        None => Errors::new(),
        Some(mode) => one_of(&path.child("volumeMode"), mode, &["Block", "Filesystem"]),
    }
}

/// Taking a class of attributes away is no change that storage could follow.
fn validate_kept_attributes(new: &Value, old: &Value) -> Option<Error> {
    let class = |object: &Value| object.str_at("spec.volumeAttributesClassName").to_owned();
    let taken = class(new).is_empty() && !class(old).is_empty();
    let path = Path::new("spec.volumeAttributesClassName");
    taken.then(|| Error::forbidden(&path, "update from non-nil value to nil is forbidden"))
}

/// The mode of a volume does not change.
fn validate_same_mode(new: &Value, old: &Value) -> Option<Error> {
    let (is, was) = (new.at("spec.volumeMode"), old.at("spec.volumeMode"));
    // Upstream leaves the spec out of the path here.
    let invalid = || Error::invalid(&Path::new("volumeMode"), is.cloned().unwrap_or_default(), "field is immutable");
    (is != was).then(invalid)
}

/// A warning about the annotation that the class had once.
fn warn_class_annotation(object: &Value) -> Option<String> {
    annotation(object, CLASS_ANNOTATION)?;
    let instead = "deprecated since v1.8; use \"storageClassName\" attribute instead";
    Some(format!("metadata.annotations[{CLASS_ANNOTATION}]: {instead}"))
}
