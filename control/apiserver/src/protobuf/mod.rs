//! Request bodies in Kubernetes' protobuf, read along the schema table into the same trees that JSON gives.
//!
//! Clients built on client-go send them by default; answers are always JSON, which every one of those clients takes.
//! Assumptions: the field numbers are those of `generated.proto` upstream, which never change.

mod wire;

use serde_json::{Map, Value};
use thiserror::Error;
use time::OffsetDateTime;

use crate::schema::json::{self, DEPTH_MAX, Reader};
use crate::schema::time::{Precision, format};
use crate::schema::{Field, Kind, Presence, Quantity, Shape, Type, base64, canonicalise, find, find_kind, float, zero};
use wire::{Content, Fields};

/// What every body begins with: `k8s` and a zero.
const MAGIC: &[u8] = b"k8s\0";

/// A body that is no object in protobuf.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The first bytes are not those of Kubernetes' protobuf.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    Magic,
    /// The bytes are no protobuf.
    #[error("unexpected EOF")]
    Truncated,
    /// Messages are nested too deeply.
    #[error("exceeded max depth")]
    Depth,
    /// A value is not what its field takes.
    #[error("{0}")]
    Value(String),
    /// The body names a kind that there is not.
    #[error("no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/runtime/scheme.go:111\"")]
    Unregistered {
        /// As the body says.
        api_version: String,
        /// As the body says.
        kind: String,
    },
}

/// A body whose object has not been read yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// `apps/v1`; may be empty.
    pub api_version: String,
    /// `Deployment`; may be empty.
    pub kind: String,
    /// The object.
    pub raw: &'a [u8],
}

/// Opens a body.
///
/// # Errors
/// If it is not Kubernetes' protobuf.
pub fn envelope(body: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    let message = body.strip_prefix(MAGIC).ok_or(DecodeError::Magic)?;
    let mut envelope = Envelope { api_version: String::new(), kind: String::new(), raw: &[] };
    for field in Fields::new(message) {
        match field? {
            (1, Content::Bytes(meta)) => {
                for field in Fields::new(meta) {
                    match field? {
                        (1, Content::Bytes(text)) => envelope.api_version = string(text),
                        (2, Content::Bytes(text)) => envelope.kind = string(text),
                        _ => {}
                    }
                }
            }
            (2, Content::Bytes(raw)) => envelope.raw = raw,
            _ => {}
        }
    }
    Ok(envelope)
}

/// Reads a body whose kind the schema table knows: its apiVersion, its kind and the object in canonical form.
///
/// # Errors
/// If it is not Kubernetes' protobuf, of an unknown kind, or a value does not fit.
pub fn decode(body: &[u8]) -> Result<(String, String, Value), DecodeError> {
    let Envelope { api_version, kind, raw } = envelope(body)?;
    let Some(of) = find_kind(&api_version, &kind) else {
        return Err(DecodeError::Unregistered { api_version, kind });
    };
    let mut value = object(raw, of)?;
    value["apiVersion"] = api_version.as_str().into();
    value["kind"] = kind.as_str().into();
    Ok((api_version, kind, value))
}

/// Reads the object of an envelope.
///
/// # Errors
/// If the bytes are no protobuf or a value does not fit.
pub fn object(raw: &[u8], of: &'static Type) -> Result<Value, DecodeError> {
    let mut value = message(raw, of, DEPTH_MAX)?;
    canonicalise(&mut value, of);
    Ok(value)
}

fn message(raw: &[u8], of: &'static Type, depth: usize) -> Result<Value, DecodeError> {
    let mut members = Map::new();
    read_members(raw, of, &mut members, depth)?;
    Ok(Value::Object(members))
}

fn read_members(
    raw: &[u8],
    of: &'static Type,
    members: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), DecodeError> {
    let depth = depth.checked_sub(1).ok_or(DecodeError::Depth)?;
    for field in Fields::new(raw) {
        let (number, content) = field?;
        let Some(field) = of.fields().find(|f| f.number() != 0 && u32::from(f.number()) == number) else { continue };
        match (field.presence(), field.kind(), content) {
            (Presence::Inline, Kind::Struct(inner), Content::Bytes(raw)) => read_members(raw, inner, members, depth)?,
            _ => read_member(content, field, members, depth)?,
        }
    }
    Ok(())
}

fn read_member(
    content: Content<'_>,
    field: Field,
    members: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), DecodeError> {
    let name = field.json();
    match (field.shape(), content) {
        (Shape::Value | Shape::Pointer, content) => {
            members.insert(name.to_owned(), single(content, field.kind(), depth)?);
        }
        (Shape::List, content) => {
            let list = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(list) = list else { return Ok(()) };
            match (field.kind(), content) {
                (Kind::Bool | Kind::Int32 | Kind::Int64, Content::Bytes(packed)) => {
                    for number in wire::varints(packed) {
                        list.push(single(Content::Varint(number?), field.kind(), depth)?);
                    }
                }
                (kind, content) => list.push(single(content, kind, depth)?),
            }
        }
        (Shape::Map, Content::Bytes(entry)) => {
            let (key, value) = map_entry(entry, field.kind(), depth)?;
            let map = members.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(map) = map {
                map.insert(key, value);
            }
        }
        (Shape::Map, _) => return Err(DecodeError::Truncated),
    }
    Ok(())
}

fn map_entry(entry: &[u8], kind: Kind, depth: usize) -> Result<(String, Value), DecodeError> {
    let (mut key, mut value) = (String::new(), zero(kind));
    for field in Fields::new(entry) {
        match field? {
            (1, Content::Bytes(text)) => key = string(text),
            (2, content) => value = single(content, kind, depth)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn single(content: Content<'_>, kind: Kind, depth: usize) -> Result<Value, DecodeError> {
    match (kind, content) {
        (Kind::String, Content::Bytes(text)) => Ok(Value::String(string(text))),
        (Kind::Bool, Content::Varint(number)) => Ok(Value::Bool(number != 0)),
        // Negative numbers of 32 bits are sent as 64 bits, so cutting them is right.
        (Kind::Int32, Content::Varint(number)) => Ok(Value::from(number as i32)),
        (Kind::Int64, Content::Varint(number)) => Ok(Value::from(number as i64)),
        (Kind::Float, Content::Fixed64(bits)) => Ok(float(f64::from_bits(bits))),
        (Kind::Bytes, Content::Bytes(bytes)) => Ok(Value::String(base64::encode(bytes))),
        (Kind::Struct(of), Content::Bytes(raw)) => message(raw, of, depth),
        (Kind::Time, Content::Bytes(raw)) => time(raw, Precision::Seconds),
        (Kind::MicroTime, Content::Bytes(raw)) => time(raw, Precision::Micros),
        (Kind::Quantity, Content::Bytes(raw)) => quantity(raw),
        (Kind::IntOrString, Content::Bytes(raw)) => int_or_string(raw),
        (Kind::Raw, Content::Bytes(raw)) => embedded_json(raw),
        (Kind::Strings, Content::Bytes(raw)) => strings(raw, 1),
        (Kind::SchemaOrBool, Content::Bytes(raw)) => schema_or(raw, kind, depth),
        (Kind::SchemaOrList, Content::Bytes(raw)) => schema_or(raw, kind, depth),
        (Kind::SchemaOrStrings, Content::Bytes(raw)) => schema_or(raw, kind, depth),
        _ => Err(DecodeError::Truncated),
    }
}

fn string(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// An empty message is no time at all.
fn time(raw: &[u8], precision: Precision) -> Result<Value, DecodeError> {
    if raw.is_empty() {
        return Ok(Value::Null);
    }
    let (mut seconds, mut nanos) = (0_i64, 0_u64);
    for field in Fields::new(raw) {
        match field? {
            (1, Content::Varint(number)) => seconds = number as i64,
            (2, Content::Varint(number)) => nanos = number,
            _ => {}
        }
    }
    let out_of_range = || DecodeError::Value("time out of range".to_owned());
    let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| out_of_range())?;
    let nanos = u32::try_from(nanos).ok().filter(|n| *n < 1_000_000_000).ok_or_else(out_of_range)?;
    let time = time.replace_nanosecond(nanos).map_err(|_| out_of_range())?;
    Ok(Value::String(format(time, precision)))
}

fn quantity(raw: &[u8]) -> Result<Value, DecodeError> {
    let text = first_bytes(raw, 1)?.map_or_else(|| "0".to_owned(), string);
    match Quantity::parse(&text) {
        Ok(quantity) => Ok(Value::String(quantity.to_string())),
        Err(error) => Err(DecodeError::Value(error.to_string())),
    }
}

fn int_or_string(raw: &[u8]) -> Result<Value, DecodeError> {
    let (mut is_string, mut number, mut text) = (false, 0_i32, String::new());
    for field in Fields::new(raw) {
        match field? {
            (1, Content::Varint(kind)) => is_string = kind == 1,
            (2, Content::Varint(value)) => number = value as i32,
            (3, Content::Bytes(value)) => text = string(value),
            _ => {}
        }
    }
    Ok(if is_string { Value::String(text) } else { Value::from(number) })
}

fn embedded_json(raw: &[u8]) -> Result<Value, DecodeError> {
    let Some(text) = first_bytes(raw, 1)?.filter(|text| !text.is_empty()) else { return Ok(Value::Null) };
    json::check(text).map_err(DecodeError::Value)?;
    Ok(Reader::new(text).tree())
}

fn strings(raw: &[u8], wanted: u32) -> Result<Value, DecodeError> {
    let mut list = Vec::new();
    for field in Fields::new(raw) {
        if let (number, Content::Bytes(text)) = field?
            && number == wanted
        {
            list.push(Value::String(string(text)));
        }
    }
    Ok(Value::Array(list))
}

/// The unions of custom resource definitions: a schema, or what stands beside it.
fn schema_or(raw: &[u8], kind: Kind, depth: usize) -> Result<Value, DecodeError> {
    let depth = depth.checked_sub(1).ok_or(DecodeError::Depth)?;
    let of = find("apiextensions/v1.JSONSchemaProps").expect("the table holds the schema type");
    let schema_number = if kind == Kind::SchemaOrBool { 2 } else { 1 };
    let (mut schema, mut allows, mut list) = (None, false, Vec::new());
    for field in Fields::new(raw) {
        match field? {
            (number, Content::Bytes(raw)) if number == schema_number => schema = Some(message(raw, of, depth)?),
            (1, Content::Varint(flag)) => allows = flag != 0,
            (2, Content::Bytes(raw)) if kind == Kind::SchemaOrList => list.push(message(raw, of, depth)?),
            (2, Content::Bytes(text)) => list.push(Value::String(string(text))),
            _ => {}
        }
    }
    Ok(match (schema, kind) {
        (Some(schema), _) => schema,
        (None, Kind::SchemaOrBool) => Value::Bool(allows),
        (None, _) => Value::Array(list),
    })
}

fn first_bytes(raw: &[u8], wanted: u32) -> Result<Option<&[u8]>, DecodeError> {
    for field in Fields::new(raw) {
        if let (number, Content::Bytes(bytes)) = field?
            && number == wanted
        {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
