//! What a request is about: who asks, and which verb on which object (upstream's RequestInfo).

use std::collections::BTreeMap;

use http::Method;

use crate::query::{Parameters, decode_path};
use crate::selector::FieldSelector;

/// Who asks. There is no default one: whoever has no user has found out nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `system:serviceaccount:default:web`.
    pub name: String,
    /// May be empty.
    pub uid: String,
    /// `system:authenticated` among them.
    pub groups: Vec<String>,
    /// `authentication.kubernetes.io/pod-name` and the like.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The identity of a component in this process. A request carries it as an extension, which the wire can never set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InProcess(pub User);

// === impl User ===

impl User {
    /// A user of whom nothing more is known.
    pub fn new<G: Into<String>>(name: impl Into<String>, groups: impl IntoIterator<Item = G>) -> User {
        let groups = groups.into_iter().map(Into::into).collect();
        User { name: name.into(), uid: String::new(), groups, extra: BTreeMap::new() }
    }
}

/// What a request asks for, read off its method, path and query alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// False for `/healthz`, `/version`, discovery and the like.
    pub is_resource: bool,
    /// The decoded path.
    pub path: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; the lower-case method for non-resources.
    pub verb: String,
    /// `api` or `apis`.
    pub api_prefix: String,
    /// Empty for core.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// Empty for cluster-scoped.
    pub namespace: String,
    /// Plural.
    pub resource: String,
    /// Empty if none.
    pub subresource: String,
    /// Empty on collections.
    pub name: String,
    /// Path segments after the subresource (`proxy/…`).
    pub parts: Vec<String>,
    /// `fieldSelector`, or everything if there is none that can be read.
    pub field_selector: FieldSelector,
}

impl RequestInfo {
    /// Reads a request as `k8s.io/apiserver/pkg/endpoints/request.RequestInfoFactory` does.
    pub fn new(method: &Method, path: &str, query: &Parameters) -> RequestInfo {
        let path = decode_path(path);
        let segments: Vec<String> = path.trim_matches('/').split('/').map(str::to_owned).collect();
        let mut info = RequestInfo { path, verb: method.as_str().to_ascii_lowercase(), ..RequestInfo::default() };
        let rest = match segments.first().map(String::as_str) {
            Some("api") if segments.len() >= 3 => &segments[1..],
            Some("apis") if segments.len() >= 4 => {
                info.group = segments[1].clone();
                &segments[2..]
            }
            _ => return info,
        };
        info.is_resource = true;
        info.api_prefix = segments[0].clone();
        info.version = rest[0].clone();
        info.read_resource(method, &rest[1..]);
        info.read_collection_verb(query);
        info
    }

    /// Whether it may last: a deadline and the bound on requests in flight do not apply.
    pub fn is_long_running(&self) -> bool {
        const SUBRESOURCES: &[&str] = &["attach", "exec", "log", "portforward", "proxy"];
        self.is_resource
            && (matches!(self.verb.as_str(), "watch" | "proxy") || SUBRESOURCES.contains(&self.subresource.as_str()))
    }

    fn read_resource(&mut self, method: &Method, segments: &[String]) {
        let special = matches!(segments[0].as_str(), "watch" | "proxy") && segments.len() > 1;
        let segments = if special { &segments[1..] } else { segments };
        self.verb =
            if special { if self.path.contains("/watch/") { "watch" } else { "proxy" } } else { verb_of(method) }
                .to_owned();
        let segments = match segments {
            [first, namespace, rest @ ..] if first == "namespaces" => {
                self.namespace.clone_from(namespace);
                let own = rest.is_empty() || matches!(rest[0].as_str(), "status" | "finalize");
                if own { segments } else { rest }
            }
            _ => segments,
        };
        self.resource = segments.first().cloned().unwrap_or_default();
        self.name = segments.get(1).cloned().unwrap_or_default();
        self.subresource = segments.get(2).cloned().unwrap_or_default();
        self.parts = segments.get(3..).unwrap_or_default().to_vec();
    }

    fn read_collection_verb(&mut self, query: &Parameters) {
        if self.verb == "delete" && self.name.is_empty() {
            self.verb = "deletecollection".to_owned();
        }
        if self.verb == "get" && self.name.is_empty() {
            self.verb = if query.flag("watch") { "watch" } else { "list" }.to_owned();
        }
        if matches!(self.verb.as_str(), "list" | "watch") && self.name.is_empty() {
            self.field_selector = FieldSelector::parse(query.text("fieldSelector")).unwrap_or_default();
            // A selector on the name makes RBAC's resourceNames work for lists and watches.
            self.name = self.field_selector.exact("metadata.name").unwrap_or_default().to_owned();
        }
    }
}

fn verb_of(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::GET | Method::HEAD => "get",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, url: &str, want: [&str; 5]) {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let info = RequestInfo::new(&method, path, &Parameters::parse(query));
        assert_eq!([&*info.verb, &info.namespace, &info.resource, &info.name, &info.subresource], want, "{url}");
    }

    #[test]
    fn verbs_follow_from_method_path_and_query() {
        check(Method::GET, "/api/v1/pods", ["list", "", "pods", "", ""]);
        check(Method::GET, "/api/v1/pods?watch=1", ["watch", "", "pods", "", ""]);
        check(Method::GET, "/api/v1/watch/namespaces/a/pods/b", ["watch", "a", "pods", "b", ""]);
        check(Method::GET, "/api/v1/pods?fieldSelector=metadata.name%3Dx", ["list", "", "pods", "x", ""]);
        check(
            Method::DELETE,
            "/apis/apps/v1/namespaces/a/deployments",
            ["deletecollection", "a", "deployments", "", ""],
        );
        check(Method::PUT, "/api/v1/namespaces/a/finalize", ["update", "a", "namespaces", "a", "finalize"]);
        check(Method::GET, "/api/v1/namespaces/a/pods/b/log", ["get", "a", "pods", "b", "log"]);
        check(Method::GET, "/apis/apps/v1", ["get", "", "", "", ""]);
    }
}
