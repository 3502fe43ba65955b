//! OpenAPI v2: all kinds in one document, made from the parts of v3 by the rules that upstream applies.
//!
//! It is JSON only: what asks for protobuf alone gets 406, and kubectl then does without.

use std::sync::Arc;

use axum::response::Response;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::{Members, etag, info, json_response, not_acceptable, paths, roots, schemas, takes_json, unchanged};
use crate::registry::resource::Resource;

const V3_REFERENCE: &str = "#/components/schemas/";

/// The document.
pub(super) fn answer(resources: &[Arc<Resource>], headers: &HeaderMap) -> Response {
    if !takes_json(headers) {
        return not_acceptable();
    }
    let tag = etag(resources.iter().map(|resource| &**resource));
    unchanged(headers, &tag).unwrap_or_else(|| json_response(document(resources), &tag))
}

/// The document of all kinds.
pub(super) fn document(resources: &[Arc<Resource>]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(format!("{{\"swagger\":\"2.0\",\"info\":{},\"paths\":{{", info()).as_bytes());
    let mut members = Members::new(&mut out);
    for (path, item) in resources.iter().flat_map(|resource| paths::of(resource)) {
        members.add(&path, &path_item(item));
    }
    out.extend_from_slice(b"},\"definitions\":{");
    let mut members = Members::new(&mut out);
    let rows = resources.iter().map(|resource| &**resource);
    schemas::each(&roots(rows), |name, definition| members.add(name, &schema(definition)));
    let token = json!({"BearerToken": {
        "description": "Bearer Token authentication", "in": "header", "name": "authorization", "type": "apiKey"
    }});
    out.extend_from_slice(format!("}},\"securityDefinitions\":{token}}}").as_bytes());
    out
}

fn path_item(item: Value) -> Value {
    let Value::Object(members) = item else { return item };
    let converted = members.into_iter().map(|(name, member)| match member {
        Value::Array(list) => (name, list.into_iter().map(parameter).collect::<Vec<_>>().into()),
        other => (name, operation(other)),
    });
    Value::Object(converted.collect())
}

/// v2 says of an operation which media types it takes, and has the body among its parameters.
fn operation(mut operation: Value) -> Value {
    let mut parameters: Vec<Value> = match operation["parameters"].take() {
        Value::Array(list) => list.into_iter().map(parameter).collect(),
        _ => Vec::new(),
    };
    let request = operation.as_object_mut().and_then(|members| members.remove("requestBody"));
    if let Some((media, body)) = request.and_then(content) {
        operation["consumes"] = media;
        parameters.push(json!({"in": "body", "name": "body", "required": true, "schema": body}));
    }
    operation["parameters"] = parameters.into();
    operation["schemes"] = json!(["https"]);
    let Some(responses) = operation["responses"].as_object_mut() else { return operation };
    let mut produces = json!(["application/json"]);
    for response in responses.values_mut() {
        let Some(members) = response.as_object_mut() else { continue };
        if let Some((media, body)) = members.remove("content").map(|c| json!({"content": c})).and_then(content) {
            produces = media;
            members.insert("schema".to_owned(), body);
        }
    }
    operation["produces"] = produces;
    operation
}

/// The media types of a body and its schema.
fn content(mut body: Value) -> Option<(Value, Value)> {
    let media = body["content"].as_object_mut()?;
    let names: Vec<&String> = media.keys().collect();
    let names = json!(names);
    let first = media.values_mut().next()?;
    Some((names, schema(first["schema"].take())))
}

/// v2 has the type beside the name.
fn parameter(mut parameter: Value) -> Value {
    let Some(members) = parameter.as_object_mut() else { return parameter };
    if let Some(Value::Object(of)) = members.remove("schema") {
        members.extend(of);
    }
    parameter
}

/// v2 refers directly, has no alternatives and no defaults here.
fn schema(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut out = Map::new();
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("default", _) => {}
                    ("oneOf", _) => {
                        out.insert("type".to_owned(), "string".into());
                    }
                    ("allOf", Value::Array(list)) => {
                        out.extend(list.into_iter().map(schema).filter_map(|s| s.as_object().cloned()).flatten());
                    }
                    ("$ref", Value::String(to)) => {
                        out.insert(name, to.replace(V3_REFERENCE, "#/definitions/").into());
                    }
                    ("properties", Value::Object(properties)) => {
                        let properties = properties.into_iter().map(|(name, property)| (name, schema(property)));
                        out.insert(name, Value::Object(properties.collect()));
                    }
                    (_, member @ Value::Object(_)) => {
                        out.insert(name, schema(member));
                    }
                    (_, member) => {
                        out.insert(name, member);
                    }
                }
            }
            Value::Object(out)
        }
        other => other,
    }
}
