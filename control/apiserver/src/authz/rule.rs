//! One rule of a Role: what it allows, and what it takes to be allowed to hand it on.

use serde::Deserialize;
use std::sync::Arc;

use crate::request::RequestInfo;

/// A `PolicyRule`. Absent lists are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// `get`, or `*`.
    #[serde(deserialize_with = "list")]
    pub verbs: Arc<[Arc<str>]>,
    /// The empty string is the core group.
    #[serde(deserialize_with = "list")]
    pub api_groups: Arc<[Arc<str>]>,
    /// `pods`, `pods/log`, `*/scale`, or `*`.
    #[serde(deserialize_with = "list")]
    pub resources: Arc<[Arc<str>]>,
    /// Empty means every name.
    #[serde(deserialize_with = "list")]
    pub resource_names: Arc<[Arc<str>]>,
    /// `/healthz`, or `/healthz/*`.
    #[serde(rename = "nonResourceURLs", deserialize_with = "list")]
    pub non_resource_urls: Arc<[Arc<str>]>,
}

/// A list that may be null.
fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<[Arc<str>]>, D::Error> {
    Ok(Option::<Arc<[Arc<str>]>>::deserialize(deserializer)?.unwrap_or_default())
}

// === impl Rule ===

impl Rule {
    /// Whether the rule allows the request.
    pub fn allows(&self, info: &RequestInfo) -> bool {
        if !has(&self.verbs, &info.verb) {
            return false;
        }
        if !info.is_resource {
            return self.non_resource_urls.iter().any(|url| url_covers(url, &info.path));
        }
        has(&self.api_groups, &info.group)
            && self.resources.iter().any(|r| resource_covers(r, &info.resource, &info.subresource))
            && (self.resource_names.is_empty() || self.resource_names.iter().any(|name| **name == *info.name))
    }

    /// The rule split into rules of one verb and one resource (or path) each, which is how rights are compared.
    pub fn split(&self) -> Vec<Rule> {
        let one = |text: &Arc<str>| -> Arc<[Arc<str>]> { [text.clone()].into() };
        let mut split = Vec::new();
        for group in &*self.api_groups {
            for resource in &*self.resources {
                for verb in &*self.verbs {
                    let atom =
                        Rule { verbs: one(verb), api_groups: one(group), resources: one(resource), ..Rule::default() };
                    if self.resource_names.is_empty() {
                        split.push(atom.clone());
                    }
                    split.extend(self.resource_names.iter().map(|n| Rule { resource_names: one(n), ..atom.clone() }));
                }
            }
        }
        for url in &*self.non_resource_urls {
            let verbs = self.verbs.iter();
            split.extend(verbs.map(|v| Rule { verbs: one(v), non_resource_urls: one(url), ..Rule::default() }));
        }
        split
    }

    /// Whether everything that `atom`, a rule as `split` makes them, allows is allowed by this rule alone.
    pub fn covers(&self, atom: &Rule) -> bool {
        let all = |wanted: &[Arc<str>], held: &[Arc<str>]| wanted.iter().all(|text| has(held, text));
        let named = self.resource_names.is_empty()
            || (!atom.resource_names.is_empty()
                && atom.resource_names.iter().all(|name| self.resource_names.contains(name)));
        all(&atom.verbs, &self.verbs)
            && all(&atom.api_groups, &self.api_groups)
            && atom.resources.iter().all(|wanted| {
                let (resource, subresource) = wanted.split_once('/').unwrap_or((wanted, ""));
                self.resources.iter().any(|held| resource_covers(held, resource, subresource))
            })
            && named
            && atom.non_resource_urls.iter().all(|url| self.non_resource_urls.iter().any(|held| url_covers(held, url)))
    }
}

/// Whether the list holds the text or a star.
fn has(list: &[Arc<str>], text: &str) -> bool {
    list.iter().any(|element| &**element == "*" || **element == *text)
}

fn resource_covers(held: &str, resource: &str, subresource: &str) -> bool {
    match held.split_once('/') {
        None if held == "*" => true,
        None => held == resource && subresource.is_empty(),
        Some(("*", held)) => held == subresource,
        Some((parent, held)) => parent == resource && held == subresource,
    }
}

fn url_covers(held: &str, path: &str) -> bool {
    match held.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => held == path,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn rule(json: serde_json::Value) -> Rule {
        serde_json::from_value(json).unwrap()
    }

    #[track_caller]
    fn check(held: &serde_json::Value, wanted: &serde_json::Value, covered: bool) {
        let held = rule(held.clone());
        assert_eq!(rule(wanted.clone()).split().iter().all(|atom| held.covers(atom)), covered, "{wanted}");
    }

    #[test]
    fn a_rule_covers_its_parts_and_not_more() {
        let held = serde_json::json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "*/scale"]});
        let wanted = |verb: &str, resource: &str| serde_json::json!({"verbs": [verb], "apiGroups": [""], "resources": [resource]});
        check(&held, &wanted("get", "pods"), true);
        check(&held, &wanted("get", "deployments/scale"), true);
        check(&held, &wanted("get", "pods/log"), false);
        check(&held, &wanted("*", "pods"), false);
        check(&held, &serde_json::json!({"verbs": ["get"], "nonResourceURLs": ["/x"]}), false);
    }

    #[test]
    fn a_rule_with_names_covers_these_names_only() {
        let held = serde_json::json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "resourceNames": ["a"]});
        let named = |names: &[&str]| serde_json::json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": names});
        check(&held, &named(&["a"]), true);
        check(&held, &named(&["a", "b"]), false);
        check(&held, &named(&[]), false);
    }
}
