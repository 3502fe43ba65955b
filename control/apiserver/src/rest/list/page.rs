//! A page of a list in the form that was asked for, spliced from stored bytes where that is possible.

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use storage::Object;

use super::Found;
use crate::content::{Form, Media, MetaVersion};
use crate::error::Failure;
use crate::object::Fields;
use crate::rest::{Call, answer as answers};
use crate::{stored, table};

/// Answers with a page in the form that was asked for.
pub(crate) fn answer(call: &Call, found: Found) -> Result<Response, Failure> {
    let mut metadata = json!({"resourceVersion": found.revision.0.to_string()});
    if let Some(token) = &found.token {
        metadata["continue"] = token.encode().into();
    }
    if let Some(remaining) = found.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    let accept = call.accept;
    match accept.form {
        Form::Metadata(_) => Err(not_an_object(call)),
        Form::MetadataList(version) => Ok(metadata_list(call, version, &metadata, &found.objects)),
        Form::Table(version, include) => {
            let objects: Vec<Value> = found.objects.iter().map(stored::decode).collect();
            let table = table::table(&call.resource, version, include, metadata, &objects, call.now);
            Ok(answers::tree(StatusCode::OK, accept, &table))
        }
        Form::Plain | Form::Discovery
            if accept.media == Media::Json && !accept.pretty && call.resource.view.is_none() =>
        {
            Ok(answers::json_bytes(StatusCode::OK, splice(call, &metadata, &found.objects)))
        }
        Form::Plain | Form::Discovery => {
            let items: Vec<Value> = found.objects.iter().map(|object| item(call, stored::decode(object))).collect();
            Ok(answers::tree(StatusCode::OK, accept, &list(call, &metadata, items)))
        }
    }
}

/// Answers with objects that are not stored: they have neither versions nor pages.
///
/// # Errors
/// 406 if the form is one of objects.
pub(crate) fn of_trees(call: &Call, objects: Vec<Value>) -> Result<Response, Failure> {
    let metadata = json!({});
    let shown = match call.accept.form {
        Form::Metadata(_) => return Err(not_an_object(call)),
        Form::MetadataList(version) => {
            let items: Vec<Value> = objects.iter().map(|object| table::metadata_of(object, version)).collect();
            let api_version = version.api_version();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": api_version, "metadata": metadata, "items": items})
        }
        Form::Table(version, include) => table::table(&call.resource, version, include, metadata, &objects, call.now),
        Form::Plain | Form::Discovery => {
            list(call, &metadata, objects.into_iter().map(|object| item(call, object)).collect())
        }
    };
    Ok(answers::tree(StatusCode::OK, call.accept, &shown))
}

fn not_an_object(call: &Call) -> Failure {
    Failure::not_acceptable(format!(
        "you requested PartialObjectMetadata, but the requested object is a list (*{}.{}List)",
        answers::internal_package(&call.owner.gvk.group),
        call.resource.gvk.kind
    ))
}

fn list(call: &Call, metadata: &Value, items: Vec<Value>) -> Value {
    let (kind, api_version) = (format!("{}List", call.resource.gvk.kind), call.resource.gvk.api_version());
    json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items})
}

/// The list as bytes: stored objects without their heads, one after the other.
fn splice(call: &Call, metadata: &Value, objects: &[Object]) -> Bytes {
    let head = stored::head(&call.owner).len();
    let size: usize = objects.iter().map(|object| object.value.len()).sum();
    let mut body = Vec::with_capacity(size + 256);
    let kind = &call.resource.gvk.kind;
    body.extend_from_slice(
        format!(
            "{{\"kind\":\"{kind}List\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
            call.resource.gvk.api_version()
        )
        .as_bytes(),
    );
    for (index, object) in objects.iter().enumerate() {
        body.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        body.extend_from_slice(&object.value[head..]);
    }
    body.extend_from_slice(b"]}");
    body.into()
}

/// An object as a list's item: without its type.
fn item(call: &Call, mut object: Value) -> Value {
    if let Some(view) = call.resource.view {
        object = (view.from_stored)(object);
    }
    for member in ["kind", "apiVersion"] {
        object.remove(member);
    }
    object
}

/// The metadata of the objects, cut out of their bytes.
fn metadata_list(call: &Call, version: MetaVersion, metadata: &Value, objects: &[Object]) -> Response {
    let head = stored::head(&call.owner);
    let api_version = version.api_version();
    let item = format!("{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"{api_version}\",\"metadata\":");
    let mut body = format!(
        "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":"
    )
    .into_bytes();
    for (index, object) in objects.iter().enumerate() {
        body.push(if index == 0 { b'[' } else { b',' });
        body.extend_from_slice(item.as_bytes());
        body.extend_from_slice(stored::metadata(&head, &object.value));
        body.push(b'}');
    }
    // Upstream's conversion leaves an empty list as Go's nil.
    body.extend_from_slice(if objects.is_empty() { b"null}" } else { b"]}" });
    if call.accept.media == Media::Json && !call.accept.pretty {
        return answers::json_bytes(StatusCode::OK, body.into());
    }
    let list: Value = serde_json::from_slice(&body).expect("it was written just now");
    answers::tree(StatusCode::OK, call.accept, &list)
}
