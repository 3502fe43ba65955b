//! Discovery: which groups, versions and kinds there are, one by one and all at once (KEP-3352).
//!
//! Documents are made when they are asked for: clients cache them for hours, and the rows they come from are here anyway.

use axum::response::Response;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::content::{self, Accept, Form, Media, Offer};
use crate::error::Failure;
use crate::filters::refuse;
use crate::query::Parameters;
use crate::registry::resource::{Gvk, Resource};
use crate::rest::answer;

mod api_resource;

/// What an aggregated answer says of itself beside its media type.
const AGGREGATED_JSON: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const AGGREGATED_YAML: &str = "application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
/// The rows that discovery tells of.
pub struct Documents {
    resources: Vec<Resource>,
}

/// What a discovery path is about.
enum Subject<'a> {
    /// `/api`.
    Core,
    /// `/apis`.
    Groups,
    /// `/apis/G`.
    Group(&'a str),
    /// `/api/v1`, `/apis/G/V`.
    Version(&'a str, &'a str),
}

/// Answers a path of discovery; `None` if it is none, or is of a group that is not there.
pub fn answer(
    documents: &Documents,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    query: &Parameters,
) -> Option<Response> {
    let subject = subject(path)?;
    let known = match subject {
        Subject::Core | Subject::Groups => true,
        Subject::Group(group) => !group.is_empty() && documents.has_group(group),
        Subject::Version(group, _) => documents.has_group(group),
    };
    known.then(|| documents.answer(subject, method, headers, query).unwrap_or_else(|failure| refuse(headers, &failure)))
}

fn subject(path: &str) -> Option<Subject<'_>> {
    let mut steps = path.strip_prefix('/')?.splitn(4, '/');
    match (steps.next()?, steps.next(), steps.next(), steps.next()) {
        ("api", None, None, None) => Some(Subject::Core),
        ("api", Some(version), None, None) => Some(Subject::Version("", version)),
        ("apis", None, None, None) => Some(Subject::Groups),
        ("apis", Some(group), None, None) => Some(Subject::Group(group)),
        ("apis", Some(group), Some(version), None) if !group.is_empty() => Some(Subject::Version(group, version)),
        _ => None,
    }
}

// === impl Documents ===

impl Documents {
    /// Discovery of these rows, in their order.
    pub fn new(resources: &[Resource]) -> Documents {
        Documents { resources: resources.to_vec() }
    }

    /// Whether any kind is of this group; the core group is the empty one.
    pub fn has_group(&self, group: &str) -> bool {
        self.resources.iter().any(|resource| &*resource.gvk.group == group)
    }

    fn answer(
        &self,
        subject: Subject<'_>,
        method: &Method,
        headers: &HeaderMap,
        query: &Parameters,
    ) -> Result<Response, Failure> {
        let offer = match subject {
            Subject::Core | Subject::Groups => Offer::Discovery,
            Subject::Group(_) | Subject::Version(..) => Offer::Plain,
        };
        let accept = content::negotiate(headers, query, offer)?;
        let document = match subject {
            Subject::Core if accept.form == Form::Discovery => {
                return Ok(self.aggregated(headers, accept, |g| g.is_empty()));
            }
            Subject::Groups if accept.form == Form::Discovery => {
                return Ok(self.aggregated(headers, accept, |g| !g.is_empty()));
            }
            Subject::Core => api_versions(),
            Subject::Groups => self.group_list(),
            Subject::Group(group) => self.group(group, true),
            Subject::Version(group, version) => {
                let list = self.resource_list(group, version).ok_or_else(Failure::no_such_resource)?;
                if *method != Method::GET {
                    return Err(Failure::no_such_method());
                }
                list
            }
        };
        Ok(answer::tree(StatusCode::OK, accept, &document))
    }

    /// The groups in order of their first kind, the core group excepted.
    fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for resource in &self.resources {
            if !resource.gvk.group.is_empty() && !groups.contains(&&*resource.gvk.group) {
                groups.push(&resource.gvk.group);
            }
        }
        groups
    }

    /// The versions of a group, the preferred one first.
    fn versions(&self, group: &str) -> Vec<&str> {
        let mut versions: Vec<&str> = Vec::new();
        for resource in self.resources.iter().filter(|resource| &*resource.gvk.group == group) {
            if !versions.contains(&&*resource.gvk.version) {
                versions.push(&resource.gvk.version);
            }
        }
        versions
    }

    /// The kinds of a group and version, by name.
    fn kinds(&self, group: &str, version: &str) -> Vec<&Resource> {
        let of = |gvk: &Gvk| &*gvk.group == group && &*gvk.version == version;
        let mut kinds: Vec<&Resource> = self.resources.iter().filter(|resource| of(&resource.gvk)).collect();
        kinds.sort_by(|a, b| a.plural.cmp(&b.plural));
        kinds
    }

    fn group_list(&self) -> Value {
        let groups: Vec<Value> = self.groups().into_iter().map(|group| self.group(group, false)).collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    fn group(&self, group: &str, alone: bool) -> Value {
        let entry = |version: &str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
        let versions: Vec<Value> = self.versions(group).into_iter().map(entry).collect();
        let mut document = json!({"name": group, "preferredVersion": versions.first(), "versions": versions});
        if alone {
            document["kind"] = "APIGroup".into();
            document["apiVersion"] = "v1".into();
        }
        document
    }

    fn resource_list(&self, group: &str, version: &str) -> Option<Value> {
        let kinds = self.kinds(group, version);
        let api_version = kinds.first()?.gvk.api_version();
        let resources: Vec<Value> = kinds.into_iter().flat_map(api_resource::list).collect();
        let mut list = json!({"kind": "APIResourceList", "groupVersion": api_version, "resources": resources});
        // Upstream writes the core group's list without an apiVersion.
        if !group.is_empty() {
            list["apiVersion"] = "v1".into();
        }
        Some(list)
    }

    fn aggregated(&self, headers: &HeaderMap, accept: Accept, wanted: fn(&str) -> bool) -> Response {
        let groups = std::iter::once("").chain(self.groups()).filter(|group| wanted(group) && self.has_group(group));
        let items: Vec<Value> = groups.map(|group| self.aggregated_group(group)).collect();
        let document = json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
        });
        with_tag(headers, accept, &document)
    }

    fn aggregated_group(&self, group: &str) -> Value {
        let version = |version: &str| {
            let resources: Vec<Value> = self.kinds(group, version).into_iter().map(api_resource::aggregated).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        };
        let versions: Vec<Value> = self.versions(group).into_iter().map(version).collect();
        let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
        json!({"metadata": metadata, "versions": versions})
    }
}

/// The answer with a strong ETag, or 304 for a client that has it.
fn with_tag(headers: &HeaderMap, accept: Accept, document: &Value) -> Response {
    let digest = Sha256::digest(document.to_string());
    let tag = format!("\"{}\"", digest.iter().map(|byte| format!("{byte:02X}")).collect::<String>());
    let known = headers.get(IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let mut response = if known {
        answer::response(StatusCode::NOT_MODIFIED, AGGREGATED_JSON, axum::body::Body::empty())
    } else {
        answer::tree(StatusCode::OK, accept, document)
    };
    let media = match accept.media {
        Media::Json => AGGREGATED_JSON,
        Media::Yaml => AGGREGATED_YAML,
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response.headers_mut().insert(ETAG, HeaderValue::try_from(tag).expect("hexadecimal digits are a header value"));
    response
}

fn api_versions() -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_four_shapes_of_path_are_discovery() {
        for path in ["/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1"] {
            assert!(subject(path).is_some(), "{path}");
        }
        for path in ["/", "/version", "/api/v1/pods", "/apis/apps/v1/deployments", "/apis//v1"] {
            assert!(subject(path).is_none(), "{path}");
        }
    }
}
