//! Nodes: what a kubelet may do by the rules of `system:node`, and of what others own only what its pods use.
//!
//! # Flow
//! Upstream keeps a graph of pods and what they use. Here the pods of the node are read when it asks, through the
//! store's index by node; a node asks for a secret once in a pod's life.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use storage::{Key, Object, Paging, Query, Storage};

use crate::authz::rule::Rule;
use crate::authz::{Attributes, Authorizer, Decision};
use crate::object::Fields;
use crate::registry::decode;
use crate::request::{RequestInfo, User};
use crate::resources::bootstrap;

/// The group of nodes.
pub const GROUP: &str = "system:nodes";
const PREFIX: &str = "system:node:";
const LEASES_NAMESPACE: &str = "kube-node-lease";

/// The authorizer.
pub struct Node {
    storage: Arc<dyn Storage>,
    /// Of the role that nodes have by being nodes.
    rules: Vec<Rule>,
}

/// Why a node may not.
type Refusal = String;

/// The node that a user is, if it is one.
pub fn name_of(user: &User) -> Option<&str> {
    let in_group = user.groups.iter().any(|group| group == GROUP);
    user.name.strip_prefix(PREFIX).filter(|name| in_group && !name.is_empty())
}

// === impl Node ===

impl Node {
    /// An authorizer by the pods in the store.
    pub fn new(storage: Arc<dyn Storage>) -> Node {
        Node { storage, rules: bootstrap::rules_of_cluster_role("system:node") }
    }

    /// `Ok` if nothing but the rules has to be asked.
    async fn check(&self, node: &str, info: &RequestInfo) -> Result<(), Refusal> {
        match (&*info.group, &*info.resource, &*info.subresource) {
            ("", "secrets" | "configmaps", _) => self.check_read(node, info, &["get", "list", "watch"]).await,
            ("", "persistentvolumeclaims", "status") => self.check_used(node, info).await,
            ("", "persistentvolumeclaims" | "persistentvolumes", _) => self.check_read(node, info, &["get"]).await,
            ("resource.k8s.io", "resourceclaims", _) => self.check_read(node, info, &["get"]).await,
            ("", "serviceaccounts", "" | "token") => self.check_used(node, info).await,
            ("", "nodes", "") => check_node(node, info),
            ("", "pods", "") => self.check_pod(node, info).await,
            ("coordination.k8s.io", "leases", _) => check_lease(node, info),
            ("storage.k8s.io", "csinodes", _) => check_own(node, info, "CSINode"),
            _ => Ok(()),
        }
    }

    async fn check_read(&self, node: &str, info: &RequestInfo, verbs: &[&str]) -> Result<(), Refusal> {
        if !verbs.contains(&&*info.verb) {
            return Err("can only read resources of this type".to_owned());
        }
        if !info.subresource.is_empty() {
            return Err("cannot read subresource".to_owned());
        }
        self.check_used(node, info).await
    }

    async fn check_used(&self, node: &str, info: &RequestInfo) -> Result<(), Refusal> {
        if info.name.is_empty() {
            return Err("No Object name found".to_owned());
        }
        let pods = self.pods(node, &info.namespace).await;
        // Parsing thousands of pods for each read would make their start quadratic: most are told by their text, and
        // the first that fits is enough.
        let mentions = |pod: &Object| std::str::from_utf8(&pod.value).is_ok_and(|text| text.contains(&*info.name));
        let mut candidates = pods.iter().filter(|pod| mentions(pod)).map(decode);
        let used = candidates.any(|pod| !is_mirror(&pod) && uses(&pod, &info.resource, &info.name));
        if used { Ok(()) } else { Err(unrelated(node)) }
    }

    async fn check_pod(&self, node: &str, info: &RequestInfo) -> Result<(), Refusal> {
        match &*info.verb {
            "get" => {
                let key = Key {
                    resource: "core/pods".into(),
                    namespace: info.namespace.as_str().into(),
                    name: info.name.as_str().into(),
                };
                let found = self.storage.get(&key).await.ok().flatten();
                if found.is_some_and(|pod| field(&pod, "spec.nodeName") == node) {
                    Ok(())
                } else {
                    Err(unrelated(node))
                }
            }
            "list" | "watch" if info.field_selector.exact("spec.nodeName") != Some(node) => {
                Err("can only list/watch pods with spec.nodeName field selector".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The node's pods in a namespace.
    async fn pods(&self, node: &str, namespace: &str) -> Vec<Object> {
        let query = Query {
            resource: "core/pods".into(),
            namespace: namespace.into(),
            name: None,
            field: Some(("spec.nodeName".into(), node.into())),
        };
        let page = self.storage.list(&query, Paging::default()).await;
        page.map(|page| page.objects).unwrap_or_default()
    }
}

impl Authorizer for Node {
    fn authorize<'a>(&'a self, attributes: Attributes<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            let Some(node) = name_of(attributes.user) else { return no_opinion("") };
            if attributes.info.is_resource
                && let Err(refusal) = self.check(node, attributes.info).await
            {
                return no_opinion(&format!("node: {refusal}"));
            }
            match self.rules.iter().any(|rule| rule.allows(attributes.info)) {
                true => Decision::Allow { reason: String::new() },
                false => no_opinion(""),
            }
        })
    }
}

fn no_opinion(reason: &str) -> Decision {
    Decision::NoOpinion { reason: reason.to_owned() }
}

fn unrelated(node: &str) -> Refusal {
    format!("no relationship found between node '{node}' and this object")
}

fn check_node(node: &str, info: &RequestInfo) -> Result<(), Refusal> {
    let reads = matches!(&*info.verb, "get" | "list" | "watch");
    match &*info.name {
        name if !reads || name == node => Ok(()),
        "" => Err(format!("node '{node}' cannot read all nodes, only its own Node object")),
        other => Err(format!("node '{node}' cannot read '{other}', only its own Node object")),
    }
}

fn check_lease(node: &str, info: &RequestInfo) -> Result<(), Refusal> {
    if info.namespace != LEASES_NAMESPACE {
        return Err(format!("can only access leases in the \"{LEASES_NAMESPACE}\" namespace"));
    }
    check_own(node, info, "lease object")
}

/// The name of what is created is not known yet.
fn check_own(node: &str, info: &RequestInfo, what: &str) -> Result<(), Refusal> {
    if info.verb == "create" || info.name == node {
        return Ok(());
    }
    Err(format!("can only access {what} with the same name as the requesting node"))
}

fn field<'a>(object: &'a Object, name: &str) -> &'a str {
    object.index.fields.get(name).unwrap_or_default()
}

fn is_mirror(pod: &Value) -> bool {
    let annotations = pod.at("metadata.annotations");
    annotations.is_some_and(|annotations| annotations.get("kubernetes.io/config.mirror").is_some())
}

/// Whether a pod uses the object of this resource and name.
fn uses(pod: &Value, resource: &str, name: &str) -> bool {
    let volumes = pod.list_at("spec.volumes");
    let in_volumes = |paths: &[&str]| {
        let projected = volumes.iter().flat_map(|volume| volume.list_at("projected.sources"));
        volumes.iter().chain(projected).any(|source| paths.iter().any(|path| source.str_at(path) == name))
    };
    let in_containers = |env: &str, env_from: &str| {
        ["spec.initContainers", "spec.containers", "spec.ephemeralContainers"].iter().any(|list| {
            pod.list_at(list).iter().any(|container| {
                container.list_at("env").iter().any(|variable| variable.str_at(env) == name)
                    || container.list_at("envFrom").iter().any(|source| source.str_at(env_from) == name)
            })
        })
    };
    if name.is_empty() {
        return false;
    }
    match resource {
        "secrets" => {
            pod.list_at("spec.imagePullSecrets").iter().any(|secret| secret.str_at("name") == name)
                || in_containers("valueFrom.secretKeyRef.name", "secretRef.name")
                || in_volumes(&[
                    "secret.secretName",
                    "secret.name",
                    "csi.nodePublishSecretRef.name",
                    "flexVolume.secretRef.name",
                    "iscsi.secretRef.name",
                    "cephfs.secretRef.name",
                    "rbd.secretRef.name",
                    "scaleIO.secretRef.name",
                    "storageos.secretRef.name",
                    "azureFile.secretName",
                ])
        }
        "configmaps" => {
            in_containers("valueFrom.configMapKeyRef.name", "configMapRef.name") || in_volumes(&["configMap.name"])
        }
        "persistentvolumeclaims" => in_volumes(&["persistentVolumeClaim.claimName"]),
        "serviceaccounts" => pod.str_at("spec.serviceAccountName") == name,
        "resourceclaims" => {
            let statuses = pod.list_at("status.resourceClaimStatuses");
            let named = pod.list_at("spec.resourceClaims").iter().any(|c| c.str_at("resourceClaimName") == name);
            named || statuses.iter().any(|status| status.str_at("resourceClaimName") == name)
        }
        _ => false,
    }
}
