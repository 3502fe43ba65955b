//! OpenAPI v3: one document per group and version, which kubectl reads to explain, validate and patch.
//!
//! Flow: a document is assembled from the rows, the schema table and the packed descriptions when it is asked for, and
//! nothing of it is kept: clients cache it by its hash for as long as the hash stays.
//! Guarantees: the hash changes with the rows, the table, the descriptions and the code that writes documents.

mod descriptions;
mod paths;
mod schemas;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, VARY};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::registry::resource::Resource;
use crate::schema::find;
use schemas::Root;

const INDEX: &str = "/openapi/v3";

/// What stands under a hash never changes. Upstream says so with `Expires`; an age needs no clock.
const FOREVER: &str = "public, immutable, max-age=31536000";

/// Answers a path of OpenAPI; `None` if it is none, or of a version that is not served. `hash` is the parameter `hash`.
pub fn answer(resources: &[Arc<Resource>], path: &str, headers: &HeaderMap, hash: Option<&str>) -> Option<Response> {
    let rest = path.strip_prefix(INDEX)?;
    let rest = rest.trim_start_matches('/').trim_end_matches('/');
    if rest.is_empty() && path.len() <= INDEX.len() + 1 {
        return Some(if takes_json(headers) { index(resources, headers) } else { not_acceptable() });
    }
    let rows = rows(resources, rest);
    if rows.is_empty() {
        return None;
    }
    if !takes_json(headers) {
        return Some(not_acceptable());
    }
    let right = etag(&rows);
    match hash {
        Some(hash) if hash == right => {
            let mut response = document_or_unchanged(&rows, headers, &right);
            put(&mut response, CACHE_CONTROL, FOREVER);
            Some(response)
        }
        Some(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            put(&mut response, LOCATION, &format!("{INDEX}/{rest}?hash={right}"));
            Some(response)
        }
        None => Some(document_or_unchanged(&rows, headers, &right)),
    }
}

/// Which documents there are.
fn index(resources: &[Arc<Resource>], headers: &HeaderMap) -> Response {
    let names: BTreeSet<String> = resources.iter().map(|resource| name(resource)).collect();
    let mut paths = Map::new();
    for name in names {
        let hash = etag(&rows(resources, &name));
        paths.insert(name.clone(), json!({"serverRelativeURL": format!("{INDEX}/{name}?hash={hash}")}));
    }
    let body = json!({"paths": paths}).to_string();
    let tag = hex(&Sha256::digest(&body));
    unchanged(headers, &tag).unwrap_or_else(|| json_response(body.into_bytes(), &tag))
}

/// `api/v1`, `apis/apps/v1`.
fn name(resource: &Resource) -> String {
    match &*resource.gvk.group {
        "" => format!("api/{}", resource.gvk.version),
        group => format!("apis/{group}/{}", resource.gvk.version),
    }
}

fn rows<'a>(resources: &'a [Arc<Resource>], document: &str) -> Vec<&'a Resource> {
    resources.iter().filter(|resource| name(resource) == document).map(|resource| &**resource).collect()
}

/// The hash of a document, without making it.
fn etag(rows: &[&Resource]) -> String {
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

fn document_or_unchanged(rows: &[&Resource], headers: &HeaderMap, tag: &str) -> Response {
    unchanged(headers, tag).unwrap_or_else(|| json_response(document(rows), tag))
}

/// The document of a group and version.
fn document(rows: &[&Resource]) -> Vec<u8> {
    let mut out = Vec::new();
    let info = json!({"title": "Kubernetes", "version": "v1.37.2"});
    out.extend_from_slice(format!("{{\"openapi\":\"3.0.0\",\"info\":{info},\"paths\":{{").as_bytes());
    for (index, (path, item)) in rows.iter().flat_map(|row| paths::of(row)).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(Value::from(path).to_string().as_bytes());
        out.push(b':');
        out.extend_from_slice(item.to_string().as_bytes());
    }
    out.extend_from_slice(b"},\"components\":{\"schemas\":{");
    schemas::write(&roots(rows), &mut out);
    out.extend_from_slice(b"},\"securitySchemes\":{\"BearerToken\":{\"description\":\"Bearer Token authentication\",\"in\":\"header\",\"name\":\"authorization\",\"type\":\"apiKey\"}}}}");
    out
}

/// The kinds of a document: those of its rows, their lists, and the bodies of their subresources.
fn roots(rows: &[&Resource]) -> Vec<Root> {
    let mut roots: Vec<Root> = Vec::new();
    let mut add = |of, group: &str, version: &str, kind: String| {
        if let Some(of) = of
            && !roots.iter().any(|root| root.of == of)
        {
            roots.push(Root { of, group: group.to_owned(), version: version.to_owned(), kind });
        }
    };
    for row in rows {
        let (group, version) = (&row.gvk.group, &row.gvk.version);
        add(find(row.type_name), group, version, row.gvk.kind.to_string());
        add(find(&format!("{}List", row.type_name)), group, version, format!("{}List", row.gvk.kind));
        for (group, version, kind) in row.subresources.iter().filter_map(|sub| sub.body) {
            let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            add(crate::schema::find_kind(&api_version, kind), group, version, kind.to_owned());
        }
    }
    roots
}

fn takes_json(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(ACCEPT).and_then(|value| value.to_str().ok()) else { return true };
    accept.split(',').any(|clause| {
        let media = clause.split(';').next().unwrap_or_default().trim();
        matches!(media, "" | "*/*" | "application/*" | "application/json")
    })
}

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
