//! What a request's query and body say about how it is to be done.

use http::HeaderMap;
use serde_json::Value;

use crate::content::{self, BodyType};
use crate::error::Failure;
use crate::field::{self, Error, Path};
use crate::object::Fields;
pub use crate::patch::FieldValidation;
use crate::query::Parameters;
use crate::registry::propagation::Propagation;
use crate::rest::{Call, decode};

/// The longest name of a field manager.
const MANAGER_BYTES_MAX: usize = 128;

/// Upstream's name for the options of a patch.
pub const PATCH: &str = "PatchOptions";

/// Options of create, update and patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// Everything is done but the writing.
    pub dry_run: bool,
    /// See [`FieldValidation`].
    pub field_validation: FieldValidation,
}

/// Options of create, update and patch; `kind` is upstream's name for them.
///
/// # Errors
/// 422 about the options.
pub fn write(query: &Parameters, kind: &str) -> Result<Write, Failure> {
    let mut errors = Vec::new();
    if kind == PATCH && query.get("force").is_some_and(|force| !force.is_empty()) {
        errors.push(Error::forbidden(&Path::new("force"), "may not be specified for non-apply patch"));
    }
    let manager = query.text("fieldManager");
    let path = Path::new("fieldManager");
    if manager.len() > MANAGER_BYTES_MAX {
        errors.push(Error::too_long(&path, MANAGER_BYTES_MAX));
    }
    for (at, char) in manager.char_indices().filter(|(_, char)| char.is_control()) {
        let detail = format!("invalid character U+{:04X} (at position {at})", u32::from(char));
        errors.push(Error::invalid(&path, manager, &detail));
    }
    let dry_run = dry_run(query.all("dryRun").collect(), &mut errors);
    let field_validation = match query.text("fieldValidation") {
        "" | "Warn" => FieldValidation::Warn,
        "Ignore" => FieldValidation::Ignore,
        "Strict" => FieldValidation::Strict,
        other => {
            let supported = ["", "Ignore", "Strict", "Warn"];
            errors.push(Error::not_supported(&Path::new("fieldValidation"), other, &supported));
            FieldValidation::Warn
        }
    };
    if errors.is_empty() { Ok(Write { dry_run, field_validation }) } else { Err(invalid(kind, &errors)) }
}

/// Options of a deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// Nothing is kept.
    pub dry_run: bool,
    /// Seconds to shut down; `None` leaves it to the kind.
    pub grace_seconds: Option<i64>,
    /// What happens to dependents; `None` leaves it to the object and its kind.
    pub propagation: Option<Propagation>,
    /// Whether `orphanDependents: false` was said in the old way, which makes the answer 202.
    pub said_not_to_orphan: bool,
    /// The uid that the object must have.
    pub uid: Option<String>,
    /// The version that the object must have.
    pub resource_version: Option<String>,
}

/// Options of a deletion: the body's, or the query's if there is no body.
///
/// # Errors
/// 400 or 415 of the body, 422 about the options.
pub fn delete(call: &Call, body: &[u8]) -> Result<Delete, Failure> {
    if !body.is_empty() {
        return delete_of(&delete_body(&call.headers, body)?);
    }
    let options = Delete {
        grace_seconds: call.query.integer("gracePeriodSeconds")?,
        uid: call.query.get("uid").map(str::to_owned),
        resource_version: call.query.get("resourceVersion").map(str::to_owned),
        ..Delete::default()
    };
    let propagation = call.query.get("propagationPolicy");
    checked(options, call.query.all("dryRun").collect(), propagation, call.query.optional_flag("orphanDependents"))
}

/// Options of a deletion from a DeleteOptions object, which may be null.
///
/// # Errors
/// 422 about the options.
pub fn delete_of(object: &Value) -> Result<Delete, Failure> {
    let text = |path: &str| object.at(path).and_then(Value::as_str).map(str::to_owned);
    let options = Delete {
        grace_seconds: object.i64_at("gracePeriodSeconds"),
        uid: text("preconditions.uid"),
        resource_version: text("preconditions.resourceVersion"),
        ..Delete::default()
    };
    let values = object.list_at("dryRun").iter().filter_map(Value::as_str).collect();
    let orphan = object.at("orphanDependents").and_then(Value::as_bool);
    checked(options, values, object.at("propagationPolicy").and_then(Value::as_str), orphan)
}

fn checked(
    options: Delete,
    dry_run_values: Vec<&str>,
    propagation: Option<&str>,
    orphan: Option<bool>,
) -> Result<Delete, Failure> {
    let mut errors = Vec::new();
    let dry_run = dry_run(dry_run_values, &mut errors);
    let policy = policy(propagation, orphan, &mut errors);
    if !errors.is_empty() {
        return Err(invalid("DeleteOptions", &errors));
    }
    let grace_seconds = options.grace_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    Ok(Delete { dry_run, propagation: policy, said_not_to_orphan: orphan == Some(false), grace_seconds, ..options })
}

fn delete_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, Failure> {
    match content::body_type(headers)? {
        BodyType::Json => decode::delete_options(body),
        BodyType::Yaml => decode::delete_options(&decode::yaml_to_json(body).map_err(Failure::bad_request)?),
        BodyType::Protobuf => decode::delete_options_protobuf(body),
    }
}

fn policy(text: Option<&str>, orphan: Option<bool>, errors: &mut field::Errors) -> Option<Propagation> {
    let path = Path::new("propagationPolicy");
    let policy = match text {
        None => None,
        Some("Foreground") => Some(Propagation::Foreground),
        Some("Background") => Some(Propagation::Background),
        Some("Orphan") => Some(Propagation::Orphan),
        Some(other) => {
            errors.push(Error::not_supported(&path, other, &["Foreground", "Background", "Orphan", "nil"]));
            None
        }
    };
    if let (Some(text), Some(_)) = (text, orphan) {
        errors.insert(0, Error::invalid(&path, text, "orphanDependents and deletionPropagation cannot be both set"));
    }
    match orphan {
        Some(true) => Some(Propagation::Orphan),
        Some(false) => Some(Propagation::Background),
        None => policy,
    }
}

fn dry_run(values: Vec<&str>, errors: &mut field::Errors) -> bool {
    if values.iter().any(|value| *value != "All") {
        errors.push(Error::not_supported(&Path::new("dryRun"), Value::from(values.clone()), &["All"]));
    }
    !values.is_empty()
}

/// 422 about a request's options.
pub fn invalid(kind: &str, errors: &[Error]) -> Failure {
    Failure::invalid("meta.k8s.io", kind, "", errors)
}
