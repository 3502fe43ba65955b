//! Answers: an object or Status in the form that the client asked for.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WARNING};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::content::{Accept, Form, Media, yaml};
use crate::error::Failure;
use crate::object::Fields;
use crate::registry::resource::Resource;
use crate::rest::Call;
use crate::{stored, table};

/// All warnings together; what comes after is cut to [`WARNING_CHARS_MAX`].
const WARNINGS_CHARS_MAX: usize = 4096;
/// One warning, once there are too many.
const WARNING_CHARS_MAX: usize = 256;

/// An object about to be shown.
pub enum Shown {
    /// As it is stored: bytes that can be sent as they are.
    Stored(Bytes),
    /// As a tree: it was not stored (a dry run), or it is no stored object (a Scale).
    Tree(Value),
}

// === impl Shown ===

impl Shown {
    /// The tree.
    pub fn into_tree(self) -> Value {
        match self {
            Shown::Stored(bytes) => serde_json::from_slice(&bytes).expect("stored objects were encoded by this server"),
            Shown::Tree(tree) => tree,
        }
    }
}

/// Answers with an object of the kind that was asked for.
///
/// # Errors
/// 406 if the form is one of lists.
pub fn object(call: &Call, code: StatusCode, shown: Shown) -> Result<Response, Failure> {
    let shown = match (call.resource.view, shown) {
        (Some(view), shown) => Shown::Tree((view.from_stored)(shown.into_tree())),
        (None, shown) => shown,
    };
    let accept = call.accept;
    match (accept.form, shown) {
        (Form::MetadataList(_), _) => Err(Failure::not_acceptable(format!(
            "you requested PartialObjectMetadataList, but the requested object is not a list (*{}.{})",
            internal_package(&call.owner.gvk.group),
            call.resource.gvk.kind
        ))),
        (Form::Metadata(version), Shown::Stored(bytes)) if accept.media == Media::Json => {
            let metadata = stored::metadata(&stored::head(&call.owner), &bytes);
            let mut body = format!(
                "{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"{}\",\"metadata\":",
                version.api_version()
            )
            .into_bytes();
            body.extend_from_slice(metadata);
            body.push(b'}');
            Ok(json_bytes(code, body.into()))
        }
        (Form::Metadata(version), shown) => Ok(tree(code, accept, &table::metadata_of(&shown.into_tree(), version))),
        (Form::Table(version, include), shown) => {
            let object = shown.into_tree();
            let metadata = match object.str_at("metadata.resourceVersion") {
                "" => json!({}),
                version => json!({"resourceVersion": version}),
            };
            let table = table::table(&call.resource, version, include, metadata, &[object], call.now);
            Ok(tree(code, accept, &table))
        }
        (Form::Plain | Form::Discovery, Shown::Stored(bytes)) if accept.media == Media::Json && !accept.pretty => {
            Ok(json_bytes(code, bytes))
        }
        (Form::Plain | Form::Discovery, shown) => Ok(tree(code, accept, &shown.into_tree())),
    }
}

/// Answers with a tree as it is.
pub fn tree(code: StatusCode, accept: Accept, value: &Value) -> Response {
    let (body, media) = match (accept.media, accept.pretty) {
        (Media::Json, false) => (value.to_string(), "application/json"),
        (Media::Json, true) => (format!("{value:#}\n"), "application/json"),
        (Media::Yaml, _) => (yaml::write(value), "application/yaml"),
    };
    response(code, media, body.into())
}

/// Answers with JSON that is ready.
pub fn json_bytes(code: StatusCode, body: Bytes) -> Response {
    response(code, "application/json", body.into())
}

/// Answers with a Status.
pub fn failure(failure: &Failure, media: Media) -> Response {
    let mut response = tree(failure.code, Accept { media, ..Accept::default() }, &failure.status());
    if let Some(seconds) = failure.retry_after_seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A Status that says that it worked.
pub fn success(code: StatusCode, details: Value) -> Value {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    if code != StatusCode::OK {
        status["code"] = code.as_u16().into();
    }
    if !details.is_null() {
        status["details"] = details;
    }
    status
}

/// The page of paths that lead nowhere.
pub fn page_not_found() -> Response {
    let mut response = text(StatusCode::NOT_FOUND, "404 page not found\n");
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// Answers with plain text.
pub fn text(code: StatusCode, body: impl Into<Body>) -> Response {
    response(code, "text/plain; charset=utf-8", body.into())
}

/// Answers with a body of this media type.
pub fn response(code: StatusCode, media: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// Puts warnings on an answer, each once (KEP-1693).
pub fn add_warnings(response: &mut Response, warnings: &[String]) {
    let total: usize = warnings.iter().map(|warning| warning.chars().count()).sum();
    let mut told: Vec<&String> = Vec::new();
    for warning in warnings {
        if told.contains(&warning) {
            continue;
        }
        told.push(warning);
        let cut = if total > WARNINGS_CHARS_MAX { WARNING_CHARS_MAX } else { WARNINGS_CHARS_MAX };
        let text: String = warning.chars().filter(|char| !char.is_control()).take(cut).collect();
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{text}\"").as_bytes()) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

/// The package of upstream's internal types of a group, which some of its messages show. Of a view it is the owner's.
pub fn internal_package(group: &str) -> &str {
    match group {
        "" => "core",
        group => group.split('.').next().unwrap_or(group),
    }
}

/// `details` of the Status that a deletion answers with.
pub fn deleted(resource: &Resource, object: &Value) -> Value {
    let mut details = crate::error::details(&resource.gvk.group, &resource.plural, object.str_at("metadata.name"));
    details["uid"] = object.str_at("metadata.uid").into();
    success(StatusCode::OK, details)
}
