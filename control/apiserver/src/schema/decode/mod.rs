//! Request bodies into objects of their type: what `sigs.k8s.io/json` accepts, drops, warns of and refuses.
//!
//! Flow: syntax first, then one walk along the type that drops unknown members, then the canonical form.
//! Errors: texts are upstream's; the caller says of which object they speak.

mod decoder;
mod type_meta;

use serde_json::{Map, Value};
use thiserror::Error;

use super::canonical;
use super::json::{self, Token};
use super::table::Type;
use decoder::Decoder;

pub use type_meta::type_meta;

/// An object that was decoded.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    /// The object in canonical form, without unknown members.
    pub object: Value,
    /// `unknown field "spec.x"`, `duplicate field "y"`, in upstream's order.
    pub strict: Vec<String>,
}

/// A body that cannot be an object of the type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// It is no JSON or YAML at all.
    #[error("{0}")]
    Syntax(String),
    /// A value does not fit its field.
    #[error("{0}")]
    Value(String),
}

/// Decodes a JSON body.
///
/// # Errors
/// If the body is no JSON or a value does not fit its field.
pub fn json(body: &[u8], of: &'static Type) -> Result<Decoded, DecodeError> {
    json::check(body).map_err(DecodeError::Syntax)?;
    let mut decoder = Decoder::new(body);
    let mut object = Map::new();
    match decoder.reader.peek() {
        Token::Object => decoder.members(of, &mut object).map_err(DecodeError::Value)?,
        Token::Null => {}
        other => {
            let text = format!("json: cannot unmarshal {} into Go value of type {}", other.name(), of.go_name());
            return Err(DecodeError::Value(text));
        }
    }
    if let Some(text) = decoder.misfit {
        return Err(DecodeError::Value(text));
    }
    let mut object = Value::Object(object);
    canonical::canonicalise(&mut object, of);
    Ok(Decoded { object, strict: decoder.strict })
}

/// Decodes a YAML body, of which the first document counts.
///
/// # Errors
/// If the body is no YAML or a value does not fit its field.
pub fn yaml(body: &[u8], of: &'static Type) -> Result<Decoded, DecodeError> {
    let converted = super::yaml::to_json(body).map_err(DecodeError::Syntax)?;
    let mut decoded = json(&converted.json, of)?;
    if !converted.duplicates.is_empty() {
        decoded.strict.insert(0, format!("yaml: unmarshal errors:\n  {}", converted.duplicates.join("\n  ")));
    }
    Ok(decoded)
}
