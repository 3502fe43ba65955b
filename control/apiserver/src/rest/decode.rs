//! Request bodies into objects of the kind that the path names, with upstream's words for what cannot be.

use serde_json::Value;

use crate::content::{self, BodyType};
use crate::error::Failure;
use crate::field::quote;
use crate::object::Fields;
use crate::protobuf;
use crate::registry::resource::Gvk;
use crate::rest::Call;
use crate::rest::answer::internal_package;
use crate::rest::options::{FieldValidation, Write};
use crate::schema::{self, yaml};

/// How the text about keys that are there twice in YAML begins.
const YAML_ERRORS: &str = "yaml: unmarshal errors:\n";
/// How many bytes of a body an error shows.
const SUMMARY_BYTES: usize = 30;
/// The source line that upstream's messages name.
const SCHEME: &str = "in scheme \"pkg/runtime/scheme.go:111\"";

/// The object of a POST or PUT: decoded, defaulted and with its type. Unknown fields warn or fail as `options` say.
///
/// # Errors
/// 400 and 415.
pub fn object(call: &Call, body: &[u8], options: Write) -> Result<Value, Failure> {
    let (gvk, type_name) = body_kind(call);
    let mut object = typed(call, body, &gvk, &type_name, Some(options))?;
    if call.subresource.is_none_or(|subresource| subresource.body.is_none()) {
        object = to_stored(call, object);
        call.owner.strategy.default(&mut object);
    }
    Ok(object)
}

/// An object of another kind than the path's row: Binding, Eviction, TokenRequest and reviews.
///
/// # Errors
/// 400 and 415.
pub fn typed(call: &Call, body: &[u8], gvk: &Gvk, type_name: &str, options: Option<Write>) -> Result<Value, Failure> {
    match content::body_type(&call.headers)? {
        BodyType::Json => json(call, Text { json: body, sent: body, told: Vec::new() }, gvk, type_name, options),
        BodyType::Yaml => {
            let converted = yaml::to_json(body).map_err(|err| unrecognized(gvk, &err, body))?;
            let twice = converted.duplicates.join("\n  ");
            let told = if twice.is_empty() { Vec::new() } else { vec![format!("{YAML_ERRORS}  {twice}")] };
            json(call, Text { json: &converted.json, sent: body, told }, gvk, type_name, options)
        }
        BodyType::Protobuf => from_protobuf(call, body, gvk, type_name),
    }
}

/// The kind that a body must have: the subresource's, or the row's.
pub fn body_kind(call: &Call) -> (Gvk, String) {
    match call.subresource.and_then(|subresource| subresource.body) {
        Some((group, version, kind)) => {
            let gvk = Gvk::new(group, version, kind);
            let type_name = schema::find_kind(&gvk.api_version(), kind).map_or(kind, |of| of.name()).to_owned();
            (gvk, type_name)
        }
        None => (call.resource.gvk.clone(), call.resource.type_name.to_owned()),
    }
}

/// The form in which objects of a view are stored.
pub fn to_stored(call: &Call, object: Value) -> Value {
    match call.resource.view {
        Some(view) => {
            let mut object = (view.to_stored)(object);
            object["kind"] = (&*call.owner.gvk.kind).into();
            object["apiVersion"] = call.owner.gvk.api_version().into();
            object
        }
        None => object,
    }
}

/// Tells or refuses what the schema did not know.
///
/// # Errors
/// The text of all of it, if it is refused.
pub fn strictness(call: &Call, strict: &[String], validation: FieldValidation) -> Result<(), String> {
    match validation {
        FieldValidation::Strict if !strict.is_empty() => Err(format!("strict decoding error: {}", strict.join(", "))),
        FieldValidation::Warn => {
            // What YAML has to say is one text for a refusal, and a warning for each of its lines.
            let texts = strict.iter().map(|text| text.strip_prefix(YAML_ERRORS).unwrap_or(text));
            texts.flat_map(str::lines).for_each(|line| call.warn(line.trim()));
            Ok(())
        }
        FieldValidation::Strict | FieldValidation::Ignore => Ok(()),
    }
}

/// A JSON body of DeleteOptions, of whatever version.
///
/// # Errors
/// 400 without the prefix that other bodies get.
pub fn delete_options(body: &[u8]) -> Result<Value, Failure> {
    let bad = |err: schema::decode::DecodeError| Failure::bad_request(err.to_string());
    let (api_version, kind) = schema::decode::type_meta(body).map_err(bad)?;
    if !kind.is_empty() && kind != "DeleteOptions" {
        let message = format!("no kind {} is registered for version {} {SCHEME}", quote(&kind), quote(&api_version));
        return Err(Failure::bad_request(message));
    }
    let of = schema::find("meta/v1.DeleteOptions").expect("the schema has the API's own types");
    Ok(schema::decode::json(body, of).map_err(bad)?.object)
}

/// The same in protobuf.
///
/// # Errors
/// 400.
pub fn delete_options_protobuf(body: &[u8]) -> Result<Value, Failure> {
    let of = schema::find("meta/v1.DeleteOptions").expect("the schema has the API's own types");
    let decoded = protobuf::envelope(body).and_then(|envelope| protobuf::object(envelope.raw, of));
    decoded.map_err(|err| Failure::bad_request(err.to_string()))
}

/// A YAML body as JSON.
///
/// # Errors
/// The parser's message.
pub fn yaml_to_json(body: &[u8]) -> Result<Vec<u8>, String> {
    yaml::to_json(body).map(|converted| converted.json)
}

/// A body as text.
struct Text<'a> {
    /// As JSON.
    json: &'a [u8],
    /// As it came, for messages.
    sent: &'a [u8],
    /// What its conversion to JSON found.
    told: Vec<String>,
}

fn json(call: &Call, text: Text<'_>, gvk: &Gvk, type_name: &str, options: Option<Write>) -> Result<Value, Failure> {
    let Text { json: body, sent, told } = text;
    let (api_version, kind) =
        schema::decode::type_meta(body).map_err(|err| unrecognized(gvk, &err.to_string(), sent))?;
    if api_version.matches('/').count() > 1 {
        return Err(unrecognized(gvk, &format!("unexpected GroupVersion string: {api_version}"), sent));
    }
    let said = said_kind(&api_version, &kind, gvk);
    let cannot = |what: &str| {
        let message =
            format!("{} in version {} cannot be handled as a {}: {what}", said.kind, quote(&said.version), gvk.kind);
        Failure::bad_request(message)
    };
    check_kind(call, &said, gvk).map_err(|what| cannot(&what))?;
    let of = schema::find(type_name).ok_or_else(|| Failure::not_there_yet(&format!("the schema of {type_name}")))?;
    let decoded = schema::decode::json(body, of).map_err(|err| cannot(&err.to_string()))?;
    let validation = options.map_or(FieldValidation::Ignore, |options| options.field_validation);
    strictness(call, &[told, decoded.strict].concat(), validation).map_err(|what| cannot(&what))?;
    let mut object = decoded.object;
    object["kind"] = (&*said.kind).into();
    object["apiVersion"] = said.api_version().into();
    Ok(object)
}

fn from_protobuf(call: &Call, body: &[u8], gvk: &Gvk, type_name: &str) -> Result<Value, Failure> {
    let envelope = protobuf::envelope(body).map_err(|err| unrecognized(gvk, &err.to_string(), body))?;
    let said = said_kind(&envelope.api_version, &envelope.kind, gvk);
    let cannot = |what: &str| {
        let version = quote(&said.version);
        let message = format!("{} in version {version} cannot be handled as a {}: {what}", said.kind, gvk.kind);
        Failure::bad_request(message)
    };
    check_kind(call, &said, gvk).map_err(|what| cannot(&what))?;
    let of = schema::find(type_name).ok_or_else(|| Failure::not_there_yet(&format!("the schema of {type_name}")))?;
    let mut object = protobuf::object(envelope.raw, of).map_err(|err| cannot(&err.to_string()))?;
    object["kind"] = (&*said.kind).into();
    object["apiVersion"] = said.api_version().into();
    Ok(object)
}

/// What a body says it is; what it leaves out is the path's.
fn said_kind(api_version: &str, kind: &str, gvk: &Gvk) -> Gvk {
    let kind = if kind.is_empty() { &gvk.kind } else { kind };
    match api_version.split_once('/') {
        _ if api_version.is_empty() => Gvk::new(&gvk.group, &gvk.version, kind),
        Some((group, version)) => Gvk::new(group, version, kind),
        None => Gvk::new("", api_version, kind),
    }
}

fn check_kind(call: &Call, said: &Gvk, wanted: &Gvk) -> Result<(), String> {
    let older = call.resource.older_bodies.contains(&(&*said.group, &*said.version, &*said.kind));
    if said == wanted || older && (&said.group, &said.kind) == (&wanted.group, &wanted.kind) {
        return Ok(());
    }
    if !is_registered(call, said) {
        let (kind, version) = (quote(&said.kind), quote(&said.api_version()));
        return Err(format!("no kind {kind} is registered for version {version} {SCHEME}"));
    }
    let group = if *wanted == call.resource.gvk { &call.owner.gvk.group } else { &wanted.group };
    let package = internal_package(group);
    Err(format!("converting ({}.{}) to ({package}.{}): unknown conversion", said.version, said.kind, wanted.kind))
}

/// Whether the API has such a kind, served or not.
fn is_registered(call: &Call, gvk: &Gvk) -> bool {
    let element = gvk.kind.strip_suffix("List").unwrap_or(&gvk.kind);
    let package = if gvk.group.is_empty() { "core" } else { &gvk.group };
    let served = |kind: &str| {
        let same = |one: &Gvk| one.group == gvk.group && one.version == gvk.version && &*one.kind == kind;
        call.server.registry.all().iter().any(|resource| same(&resource.gvk))
    };
    served(&gvk.kind) || served(element) || schema::find(&format!("{package}/{}.{}", gvk.version, gvk.kind)).is_some()
}

fn unrecognized(gvk: &Gvk, what: &str, body: &[u8]) -> Failure {
    let summary = summary(body);
    Failure::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): {what} ({summary})",
        gvk.kind
    ))
}

/// How a body begins: JSON as it is, anything else in hexadecimal.
fn summary(body: &[u8]) -> String {
    let head = &body[..body.len().min(SUMMARY_BYTES)];
    let more = if body.len() > SUMMARY_BYTES { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(head)),
        Some(_) => format!("{}{more}", head.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// The namespace and name that a body may have, given its path; the namespace is filled in.
///
/// # Errors
/// 400 if they differ.
pub fn place(call: &Call, object: &mut Value) -> Result<(), Failure> {
    let namespace = call.resource.namespace_of(&call.info.namespace);
    if namespace.is_empty() {
        object.remove("metadata.namespace");
        return Ok(());
    }
    let said = object.str_at("metadata.namespace");
    if !said.is_empty() && said != namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(message));
    }
    object.set("metadata.namespace", namespace);
    Ok(())
}
