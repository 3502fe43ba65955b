//! OpenAPI v3: an index, and one document per group and version under its hash.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use super::{
    Members, etag, hex, info, json_response, not_acceptable, paths, put, roots, schemas, takes_json, unchanged,
};
use crate::registry::resource::Resource;

/// What stands under a hash never changes. Upstream says so with `Expires`; an age needs no clock.
pub(super) const FOREVER: &str = "public, immutable, max-age=31536000";

/// Which documents there are.
pub(super) fn index(resources: &[Arc<Resource>], headers: &HeaderMap) -> Response {
    if !takes_json(headers) {
        return not_acceptable();
    }
    let names: BTreeSet<String> = resources.iter().map(|resource| name(resource)).collect();
    let mut paths = Map::new();
    for name in names {
        paths.insert(name.clone(), json!({"serverRelativeURL": url(&name, &etag(rows(resources, &name)))}));
    }
    let body = json!({"paths": paths}).to_string();
    let tag = hex(&Sha256::digest(&body));
    unchanged(headers, &tag).unwrap_or_else(|| json_response(body.into_bytes(), &tag))
}

/// A document, or the way to it if the hash is an old one.
pub(super) fn answer(
    resources: &[Arc<Resource>],
    document_name: &str,
    headers: &HeaderMap,
    hash: Option<&str>,
) -> Option<Response> {
    rows(resources, document_name).next()?;
    if !takes_json(headers) {
        return Some(not_acceptable());
    }
    let right = etag(rows(resources, document_name));
    if hash.is_some_and(|hash| hash != right) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
        put(&mut response, LOCATION, &url(document_name, &right));
        return Some(response);
    }
    let fresh = || json_response(document(resources, document_name), &right);
    let mut response = unchanged(headers, &right).unwrap_or_else(fresh);
    if hash.is_some() {
        put(&mut response, CACHE_CONTROL, FOREVER);
    }
    Some(response)
}

/// `api/v1`, `apis/apps/v1`.
pub(super) fn name(resource: &Resource) -> String {
    match &*resource.gvk.group {
        "" => format!("api/{}", resource.gvk.version),
        group => format!("apis/{group}/{}", resource.gvk.version),
    }
}

fn url(document_name: &str, hash: &str) -> String {
    format!("/openapi/v3/{document_name}?hash={hash}")
}

fn rows<'a>(resources: &'a [Arc<Resource>], document_name: &str) -> impl Iterator<Item = &'a Resource> + use<'a> {
    let wanted = document_name.to_owned();
    resources.iter().map(|resource| &**resource).filter(move |resource| name(resource) == wanted)
}

/// The document of a group and version.
pub(super) fn document(resources: &[Arc<Resource>], document_name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(format!("{{\"openapi\":\"3.0.0\",\"info\":{},\"paths\":{{", info()).as_bytes());
    let mut members = Members::new(&mut out);
    for (path, item) in rows(resources, document_name).flat_map(paths::of) {
        members.add(&path, &item);
    }
    out.extend_from_slice(b"},\"components\":{\"schemas\":{");
    let mut members = Members::new(&mut out);
    schemas::each(&roots(rows(resources, document_name)), |name, schema| members.add(name, &schema));
    let token = json!({"BearerToken": {
        "description": "Bearer Token authentication", "in": "header", "name": "authorization", "type": "apiKey"
    }});
    out.extend_from_slice(format!("}},\"securitySchemes\":{token}}}}}").as_bytes());
    out
}
