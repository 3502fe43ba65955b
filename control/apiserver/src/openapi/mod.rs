//! OpenAPI: what clients read to explain, validate and patch; v3 one document per version, v2 all in one.
//!
//! Flow: a document is assembled from the rows, the schema table and the packed descriptions when it is asked for, and
//! nothing of it is kept: clients cache it by its hash for as long as the hash stays.
//! Guarantees: the hash changes with the rows, the table, the descriptions and the code that writes documents.

mod descriptions;
mod paths;
mod schemas;
mod v2;
mod v3;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::registry::resource::{Gvk, Resource};
use crate::schema::{find, find_kind};
use schemas::Root;

/// Answers a path of OpenAPI; `None` if it is none, or of a version that is not served. `hash` is the parameter `hash`.
pub fn answer(resources: &[Arc<Resource>], path: &str, headers: &HeaderMap, hash: Option<&str>) -> Option<Response> {
    let rest = path.strip_prefix("/openapi/")?.trim_end_matches('/');
    match rest.split_once('/') {
        None if rest == "v2" => Some(v2::answer(resources, headers)),
        None if rest == "v3" => Some(v3::index(resources, headers)),
        Some(("v3", document)) => v3::answer(resources, document, headers, hash),
        _ => None,
    }
}

/// What every document says of itself.
fn info() -> Value {
    json!({"title": "Kubernetes", "version": "v1.37.2"})
}

/// The hash of a document about these kinds, without making it.
fn etag<'a>(rows: impl Iterator<Item = &'a Resource>) -> String {
    let mut digest = Sha256::new();
    digest.update(env!("OPENAPI_SOURCES"));
    for row in rows {
        let verbs: Vec<&str> = row.verbs.iter().map(|verb| verb.as_str()).collect();
        digest.update(format!("{:?} {} {} {:?} {verbs:?}", row.gvk, row.plural, row.type_name, row.scope));
        for sub in row.subresources {
            let verbs: Vec<&str> = sub.verbs.iter().map(|verb| verb.as_str()).collect();
            digest.update(format!("{} {verbs:?} {:?}", sub.name, sub.body));
        }
    }
    hex(&digest.finalize())
}

/// The kinds of a document: those of its rows, their lists, and the bodies of their subresources.
fn roots<'a>(rows: impl Iterator<Item = &'a Resource>) -> Vec<Root> {
    let mut roots: Vec<Root> = Vec::new();
    let mut add = |of, gvk: Gvk| {
        if let Some(of) = of
            && !roots.iter().any(|root| root.of == of && root.gvk == gvk)
        {
            roots.push(Root { of, gvk });
        }
    };
    for row in rows {
        add(find(row.type_name), row.gvk.clone());
        let list = Gvk { kind: format!("{}List", row.gvk.kind).into(), ..row.gvk.clone() };
        add(find(&format!("{}List", row.type_name)), list);
        for (group, version, kind) in row.subresources.iter().filter_map(|sub| sub.body) {
            let gvk = Gvk::new(group, version, kind);
            add(find_kind(&gvk.api_version(), kind), gvk);
        }
    }
    roots
}

/// Writes the members of a JSON object one after the other, so that the whole is never a tree.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

// === impl Members ===

impl<'a> Members<'a> {
    fn new(out: &'a mut Vec<u8>) -> Members<'a> {
        Members { out, first: true }
    }

    fn add(&mut self, name: &str, value: &Value) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.extend_from_slice(Value::from(name).to_string().as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(value.to_string().as_bytes());
    }
}

fn takes_json(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(ACCEPT).and_then(|value| value.to_str().ok()) else { return true };
    accept.split(',').any(|clause| {
        let media = clause.split(';').next().unwrap_or_default().trim();
        matches!(media, "" | "*/*" | "application/*" | "application/json")
    })
}

/// 304 if the client has the document already.
fn unchanged(headers: &HeaderMap, tag: &str) -> Option<Response> {
    let known = headers.get(IF_NONE_MATCH)?.to_str().ok()?;
    if known.trim().trim_start_matches("W/").trim_matches('"') != tag {
        return None;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    put(&mut response, ETAG, &format!("\"{tag}\""));
    Some(response)
}

fn json_response(body: Vec<u8>, tag: &str) -> Response {
    let mut response = Response::new(Body::from(body));
    put(&mut response, CONTENT_TYPE, "application/json");
    put(&mut response, ETAG, &format!("\"{tag}\""));
    put(&mut response, VARY, "Accept");
    response
}

fn not_acceptable() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_ACCEPTABLE;
    response
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    let value = value.parse().expect("values are made of ASCII that this module wrote");
    response.headers_mut().insert(name, value);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests;
