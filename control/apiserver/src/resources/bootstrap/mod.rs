//! What a server has before anyone made anything: namespaces, roles and bindings, priority classes.
//!
//! What is missing is made when the server starts, so that a deleted role comes back; what is there is left alone.

mod apply;
mod rbac;

use serde_json::{Value, json};

use crate::authz::rule::Rule;
use crate::object::Fields;

pub use apply::{ApplyError, apply};

/// The namespaces that the system lives in.
const NAMESPACES: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease"];

/// Name, value and description of the priority classes that the server knows by itself.
pub const SYSTEM_PRIORITY_CLASSES: &[(&str, i64, &str)] = &[
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];

/// The objects, in the order in which they are made.
pub fn objects() -> Vec<Value> {
    let namespaces =
        NAMESPACES.iter().map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    let classes = SYSTEM_PRIORITY_CLASSES.iter().map(|(name, value, description)| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
            "value": value, "description": description,
        })
    });
    namespaces.chain(classes).chain(rbac::objects()).collect()
}

/// The rules that a cluster role has on a new server.
pub fn rules_of_cluster_role(name: &str) -> Vec<Rule> {
    let is_it = |object: &Value| object.str_at("kind") == "ClusterRole" && object.str_at("metadata.name") == name;
    let role = rbac::objects().into_iter().find(is_it);
    let rules = role.and_then(|role| serde_json::from_value(role["rules"].clone()).ok());
    rules.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binding_names_a_role_that_is_there() {
        let objects = objects();
        let is_there = |kind: &str, name: &str, namespace: &str| {
            objects.iter().any(|o| {
                o.str_at("kind") == kind
                    && o.str_at("metadata.name") == name
                    && (kind == "ClusterRole" || o.str_at("metadata.namespace") == namespace)
            })
        };
        for binding in objects.iter().filter(|object| object.str_at("kind").ends_with("Binding")) {
            let (kind, name) = (binding.str_at("roleRef.kind"), binding.str_at("roleRef.name"));
            assert!(is_there(kind, name, binding.str_at("metadata.namespace")), "{binding}");
        }
    }

    #[test]
    fn every_rule_says_verbs_and_what_they_are_for() {
        for object in objects() {
            for rule in object.list_at("rules") {
                assert!(!rule.list_at("verbs").is_empty(), "{object}");
                assert!(rule.at("resources").is_some() != rule.at("nonResourceURLs").is_some(), "{object}");
            }
        }
    }
}
