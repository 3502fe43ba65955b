//! Secret: what each type must hold, its size, and the promise not to change.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::{Fields, as_map};
use crate::registry::resource::{Column, Now, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::age;
use crate::resources::core::data;
use crate::validation::entries;

const REDACTED: &str = "<secret contents redacted>";
const SERVICE_ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

/// The row.
pub fn row() -> Resource {
    Resource {
        columns: const { &[Column::NAME, Column::text("Type"), Column::text("Data"), Column::AGE] },
        cells,
        selectable_fields: &[("type", |object| object.str_at("type").to_owned())],
        strategy: &Secret,
        ..super::new("Secret", "secrets", "core/v1.Secret", Scope::Namespaced)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let count = entries(object.get("data")).count();
    vec![object.str_at("metadata.name").into(), object.str_at("type").into(), json!(count), age::of(object, now)]
}

struct Secret;

impl Strategy for Secret {
    fn default(&self, object: &mut Value) {
        object.set_default("type", "Opaque");
        fold_string_data(object);
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        if new.str_at("type") != old.str_at("type") {
            errors.push(Error::invalid(&Path::new("type"), new.str_at("type"), "field is immutable"));
        }
        errors.extend(data::validate_immutable(new, old, &["data"]));
        errors.extend(validate(new));
        errors
    }

    fn warnings(&self, _: &Context<'_>, object: &Value, _: Option<&Value>) -> Vec<String> {
        if object.str_at("type") != "kubernetes.io/tls" {
            return Vec::new();
        }
        let lacks_pem = |key: &str| !content(object, key).windows(11).any(|part| part == b"-----BEGIN ");
        let input = match (lacks_pem("tls.crt"), lacks_pem("tls.key")) {
            (true, _) => "certificate",
            (false, true) => "key",
            (false, false) => return Vec::new(),
        };
        vec![format!("tls: failed to find any PEM data in {input} input")]
    }
}

/// `stringData` is write-only: its texts become base64 in `data`.
fn fold_string_data(object: &mut Value) {
    let Some(texts) = object.remove("stringData") else { return };
    for (key, text) in entries(Some(&texts)) {
        let encoded = STANDARD.encode(text.as_str().unwrap_or_default());
        as_map(as_map(object).entry("data").or_insert(Value::Null)).insert(key.clone(), encoded.into());
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("data");
    let mut errors: Errors = entries(object.get("data")).flat_map(|(key, _)| data::validate_key(&path, key)).collect();
    if data::binary_bytes(object.get("data")) > data::BYTES_MAX {
        errors.push(Error::too_long(&path, data::BYTES_MAX));
    }
    let has = |key: &str| object.at("data").is_some_and(|map| map.get(key).is_some());
    match object.str_at("type") {
        "kubernetes.io/service-account-token" => {
            let annotations = object.at("metadata.annotations");
            let name = annotations.and_then(|map| map.get(SERVICE_ACCOUNT_NAME)).and_then(Value::as_str);
            if name.unwrap_or_default().is_empty() {
                errors.push(Error::required(&Path::new("metadata.annotations").key(SERVICE_ACCOUNT_NAME), ""));
            }
        }
        "kubernetes.io/dockercfg" => errors.extend(validate_docker_config(object, ".dockercfg")),
        "kubernetes.io/dockerconfigjson" => errors.extend(validate_docker_config(object, ".dockerconfigjson")),
        // One of the two is enough.
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            errors.extend(["username", "password"].map(|key| Error::required(&path.key(key), "")));
        }
        "kubernetes.io/ssh-auth" if content(object, "ssh-privatekey").is_empty() => {
            errors.push(Error::required(&path.key("ssh-privatekey"), ""));
        }
        "kubernetes.io/tls" => {
            let missing = ["tls.crt", "tls.key"].into_iter().filter(|key| !has(key));
            errors.extend(missing.map(|key| Error::required(&path.key(key), "")));
        }
        _ => {}
    }
    errors
}

fn validate_docker_config(object: &Value, key: &str) -> Errors {
    let path = Path::new("data").key(key);
    if object.at("data").is_none_or(|map| map.get(key).is_none()) {
        return vec![Error::required(&path, "")];
    }
    let fault = not_an_object(&content(object, key));
    fault.map(|fault| Error::invalid(&path, REDACTED, &fault)).into_iter().collect()
}

/// The decoded value of a key; empty if there is none.
fn content(object: &Value, key: &str) -> Vec<u8> {
    let encoded = object.get("data").and_then(|map| map.get(key)).and_then(Value::as_str).unwrap_or_default();
    STANDARD.decode(encoded).unwrap_or_default()
}

/// Why bytes are no JSON object, in the words of Go's decoder.
fn not_an_object(bytes: &[u8]) -> Option<String> {
    let kind = match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(_) | Value::Null) => return None,
        Ok(Value::Array(_)) => "array",
        Ok(Value::String(_)) => "string",
        Ok(Value::Number(_)) => "number",
        Ok(Value::Bool(_)) => "bool",
        Err(error) if error.is_eof() => return Some("unexpected end of JSON input".to_owned()),
        Err(error) => {
            let at = error.column().saturating_sub(1);
            let line = bytes.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
            let found = char::from(line.get(at).copied().unwrap_or(b'\n'));
            return Some(format!("invalid character {found:?} looking for beginning of value"));
        }
    };
    Some(format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"))
}
