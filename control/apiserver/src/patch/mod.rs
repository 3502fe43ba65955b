//! Patches: from an object and a patch body to the object that the client wants.
//!
//! Flow: [`apply`] works on what is stored and answers a decoded object in canonical form; defaults, validation and the
//! comparison of versions are the caller's.
//! Errors: each has upstream's code and text, odd ones included (`oracle/patch`).

mod document;
mod go_print;
mod json_patch;
mod merge_patch;
mod restore;
mod strategic;

use http::StatusCode;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::field;
use crate::schema::decode::{self, Decoded};
use crate::schema::json::{self, Reader};
use crate::schema::{Type, find_kind};

/// How a patch body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `application/json-patch+json`.
    Json,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/strategic-merge-patch+json`.
    Strategic,
}

/// What happens to fields that are unknown or there twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped with a warning.
    #[default]
    Warn,
    /// They are refused.
    Strict,
}

/// A patched object.
#[derive(Debug, PartialEq)]
pub struct Patched {
    /// In canonical form, without unknown fields.
    pub object: Value,
    /// What was dropped, to be told as warnings.
    pub warnings: Vec<String>,
}

/// Applies a patch body to `current`, an object of type `of` that has its apiVersion and kind.
///
/// # Errors
/// If the body is no patch, does not apply, or gives what is no object of the type.
pub fn apply(
    format: Format,
    current: &Value,
    body: &[u8],
    of: &'static Type,
    validation: FieldValidation,
) -> Result<Patched, Failure> {
    if json::check(body).is_err() {
        return Err(Failure::bad_request("invalid JSON patch"));
    }
    let Some((text, told)) = applied(format, current, body, validation)? else {
        return strategic_patch(current, body, of, validation);
    };
    let shown = String::from_utf8_lossy(&text);
    match decode_as(&text, current, of) {
        Ok(Decoded { object, strict }) => settle(current, object, [told, strict].concat(), validation, &shown),
        Err(what) => Err(invalid(&shown, &what)),
    }
}

type Text = (Vec<u8>, Vec<String>);

/// The patched text and what is said of the patch itself, for formats that work on text.
fn applied(format: Format, current: &Value, body: &[u8], validation: FieldValidation) -> Result<Option<Text>, Failure> {
    match format {
        Format::Json => json_patch::apply(current, body, validation).map(Some),
        Format::Merge => merge_patch::apply(current, body, validation).map(Some),
        Format::Strategic => Ok(None),
    }
}

fn strategic_patch(
    current: &Value,
    body: &[u8],
    of: &'static Type,
    validation: FieldValidation,
) -> Result<Patched, Failure> {
    let token = Reader::new(body).peek();
    let mut told = Vec::new();
    let patch = match token {
        json::Token::Object => json::tree_with_duplicates(body, &mut told),
        json::Token::Null => json!({}),
        other => {
            let text =
                format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", other.name());
            return Err(Failure::bad_request(text));
        }
    };
    let shown = go_print::print(&patch);
    let patched = strategic::apply(current.clone(), patch, of)?;
    match restore::restore(patched, of) {
        Ok(Decoded { object, strict }) => settle(current, object, [told, strict].concat(), validation, &shown),
        Err(what) => Err(invalid(&shown, &what)),
    }
}

/// Decodes a patched text into the type, or into another one that its `kind` names, as upstream's codec does.
fn decode_as(text: &[u8], current: &Value, of: &'static Type) -> Result<Decoded, String> {
    let (api_version, kind) = decode::type_meta(text).map_err(|e| e.to_string())?;
    let own = |member: &str| current[member].as_str().unwrap_or_default().to_owned();
    let (own_version, own_kind) = (own("apiVersion"), own("kind"));
    let api_version = if api_version.is_empty() { own_version.clone() } else { api_version };
    let kind = if kind.is_empty() { own_kind.clone() } else { kind };
    if (&api_version, &kind) == (&own_version, &own_kind) {
        return decode::json(text, of).map_err(|e| e.to_string());
    }
    let Some(other) = find_kind(&api_version, &kind) else {
        return Err(not_registered(&api_version, &kind));
    };
    decode::json(text, other).map_err(|e| e.to_string())?;
    Err(format!("unable to convert between types: ({}) to ({})", other.go_name(), of.go_name()))
}

/// What upstream says of a kind that no scheme holds.
pub fn not_registered(api_version: &str, kind: &str) -> String {
    format!("no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/runtime/scheme.go:111\"")
}

fn settle(
    current: &Value,
    mut object: Value,
    strict: Vec<String>,
    validation: FieldValidation,
    shown: &str,
) -> Result<Patched, Failure> {
    if validation == FieldValidation::Strict && !strict.is_empty() {
        return Err(invalid(shown, &format!("strict decoding error: {}", strict.join(", "))));
    }
    // A patch cannot change what an object is; a strategic one may say so, and is not heard.
    for member in ["apiVersion", "kind"] {
        object[member] = current[member].clone();
    }
    let warnings = if validation == FieldValidation::Warn { strict } else { Vec::new() };
    Ok(Patched { object, warnings })
}

/// 422 about the field `patch`, which names no object.
fn invalid(shown: &str, what: &str) -> Failure {
    Failure::invalid("", "", "", &[field::Error::invalid(&field::Path::new("patch"), shown, what)])
}

/// 422 for a patch that does not apply; upstream hides the reason.
fn does_not_apply() -> Failure {
    let text = "the server rejected our request due to an error in our request";
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", text).with_details(json!({}))
}

/// 500 with the bare message: upstream passes these errors on as they are.
fn bare(message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
}

#[cfg(test)]
mod tests;
