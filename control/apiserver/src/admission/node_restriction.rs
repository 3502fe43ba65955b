//! A node changes its own Node and the pods that run on it, and not what others decide about them.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::admission::{Context, Operation, Plugin};
use crate::authz::node;
use crate::error::Failure;
use crate::field::quote;
use crate::object::Fields;

const MIRROR: &str = "kubernetes.io/config.mirror";

/// Labels below `kubernetes.io` and `k8s.io` that a node may set by name.
const LABELS: &[&str] = &[
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.kubernetes.io/region",
    "failure-domain.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/instance-type",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
/// Label domains that a node may use freely, with what lies below them.
const LABEL_DOMAINS: &[&str] = &["kubelet.kubernetes.io", "node.kubernetes.io"];

/// `NodeRestriction`.
pub struct NodeRestriction;

impl Plugin for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, object: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let Some(node) = node::name_of(cx.user) else { return Ok(()) };
            let refusal = match (&*cx.resource.gvk.group, &*cx.resource.plural) {
                ("", "nodes") => refuse_node(cx, node, object),
                ("", "serviceaccounts") if cx.subresource == "token" => refuse_token(cx, node, object).await?,
                ("", "pods") => match (cx.operation, cx.subresource) {
                    (Operation::Create, "") => return create_pod(cx, node, object).await,
                    (Operation::Update, "status") => refuse_status(cx, node, object),
                    (Operation::Create, "eviction") => {
                        let pod = cx.registry.get("core/pods", cx.namespace, cx.name).await?;
                        let other = pod.is_some_and(|pod| pod.str_at("spec.nodeName") != node);
                        other.then(|| format!("node {node} can only evict pods with spec.nodeName set to itself"))
                    }
                    _ => None,
                },
                _ => None,
            };
            refusal.map_or(Ok(()), |what| Err(cx.forbidden(&what)))
        })
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        let node = node::name_of(cx.user).filter(|_| cx.operation == Operation::Delete && cx.is_about("", "pods"));
        let other = node.filter(|node| object.str_at("spec.nodeName") != *node);
        let answer = match other {
            Some(node) => {
                let node = quote(node);
                Err(cx.forbidden(&format!("node {node} can only delete pods with spec.nodeName set to itself")))
            }
            None => Ok(()),
        };
        Box::pin(async { answer })
    }
}

fn refuse_node(cx: &Context<'_>, node: &str, new: &Value) -> Option<String> {
    let quoted = quote(node);
    if !matches!(cx.operation, Operation::Create | Operation::Update) {
        return None;
    }
    let name = if cx.name.is_empty() { new.str_at("metadata.name") } else { cx.name };
    if name != node {
        return Some(format!("node {quoted} is not allowed to modify node {}", quote(name)));
    }
    let Some(old) = cx.old else {
        let labels = forbidden_labels(new, &Value::Null);
        return (!labels.is_empty())
            .then(|| format!("node {quoted} is not allowed to set the following labels: {}", labels.join(", ")));
    };
    let differs = |path: &str| new.list_at(path) != old.list_at(path);
    if differs("spec.taints") {
        return Some(format!("node {quoted} is not allowed to modify taints"));
    }
    if differs("metadata.ownerReferences") {
        return Some(format!("node {quoted} is not allowed to modify ownerReferences"));
    }
    let labels = forbidden_labels(new, old);
    (!labels.is_empty()).then(|| format!("is not allowed to modify labels: {}", labels.join(", ")))
}

/// Labels that differ and that a node may not change, sorted.
fn forbidden_labels(new: &Value, old: &Value) -> Vec<String> {
    let labels = |object: &Value| object.at("metadata.labels").and_then(Value::as_object).cloned().unwrap_or_default();
    let (new, old) = (labels(new), labels(old));
    let keys: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    keys.into_iter().filter(|key| new.get(*key) != old.get(*key) && !may_label(key)).cloned().collect()
}

fn may_label(key: &str) -> bool {
    let below =
        |domain: &str, of: &str| domain == of || domain.strip_suffix(of).is_some_and(|rest| rest.ends_with('.'));
    let (domain, _) = key.split_once('/').unwrap_or(("", key));
    let kept_by_kubernetes = below(domain, "kubernetes.io") || below(domain, "k8s.io");
    !kept_by_kubernetes || LABELS.contains(&key) || LABEL_DOMAINS.iter().any(|allowed| below(domain, allowed))
}

async fn create_pod(cx: &Context<'_>, node: &str, pod: &Value) -> Result<(), Failure> {
    if let Some(what) = refuse_pod(node, pod) {
        return Err(cx.forbidden(&what));
    }
    let uid = pod.list_at("metadata.ownerReferences").first().map_or("", |owner| owner.str_at("uid"));
    let own = cx.registry.get("core/nodes", "", node).await?;
    let Some(own) = own else { return Err(cx.forbidden(&format!("node {} not found", quote(node)))) };
    let expected = own.str_at("metadata.uid");
    if uid != expected {
        return Err(cx.forbidden(&format!("node {node} UID mismatch: expected {expected} got {uid}")));
    }
    match reference_of(pod) {
        Some(kind) => Err(cx.forbidden(&format!("node {} can not create pods that reference {kind}", quote(node)))),
        None => Ok(()),
    }
}

fn refuse_pod(node: &str, pod: &Value) -> Option<String> {
    let quoted = quote(node);
    if pod.at("metadata.annotations").is_none_or(|annotations| annotations.get(MIRROR).is_none()) {
        let annotation = quote(MIRROR);
        return Some(format!("pod does not have {annotation} annotation, node {quoted} can only create mirror pods"));
    }
    if pod.str_at("spec.nodeName") != node {
        return Some(format!("node {quoted} can only create pods with spec.nodeName set to itself"));
    }
    let [owner] = pod.list_at("metadata.ownerReferences") else {
        return Some(format!("node {quoted} can only create pods with an owner reference set to itself"));
    };
    let is_itself =
        owner.str_at("apiVersion") == "v1" && owner.str_at("kind") == "Node" && owner.str_at("name") == node;
    if !is_itself {
        return Some(format!("node {quoted} can only create pods with an owner reference set to itself"));
    }
    if !owner.bool_at("controller") {
        return Some(format!("node {quoted} can only create pods with a controller owner reference set to itself"));
    }
    let blocks = owner.bool_at("blockOwnerDeletion");
    blocks.then(|| format!("node {quoted} must not set blockOwnerDeletion on an owner reference"))
}

/// What of the API's a mirror pod uses beside what the ServiceAccount plugin has refused.
fn reference_of(pod: &Value) -> Option<&'static str> {
    let in_volumes = |field: &str| volume_sources(pod).any(|source| source.at(field).is_some());
    let config_maps = containers(pod).any(|container| {
        container.list_at("env").iter().any(|variable| variable.at("valueFrom.configMapKeyRef").is_some())
            || container.list_at("envFrom").iter().any(|source| source.at("configMapRef").is_some())
    });
    if in_volumes("configMap") || config_maps {
        Some("configmaps")
    } else if in_volumes("persistentVolumeClaim") {
        Some("persistentvolumeclaims")
    } else {
        None
    }
}

/// Volumes, and the sources of projected ones.
pub(super) fn volume_sources(pod: &Value) -> impl Iterator<Item = &Value> {
    let volumes = pod.list_at("spec.volumes");
    volumes.iter().chain(volumes.iter().flat_map(|volume| volume.list_at("projected.sources")))
}

/// Containers of all sorts.
pub(super) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["spec.initContainers", "spec.containers"].into_iter().flat_map(|list| pod.list_at(list))
}

/// Nodes get tokens for pods that run on them, for the audiences that these pods ask for.
async fn refuse_token(cx: &Context<'_>, node: &str, request: &Value) -> Result<Option<String>, Failure> {
    let bound = request.at("spec.boundObjectRef").filter(|bound| bound.str_at("kind") == "Pod");
    let Some(bound) = bound else { return Ok(Some("node requested token not bound to a pod".to_owned())) };
    let (name, uid) = (bound.str_at("name"), bound.str_at("uid"));
    if uid.is_empty() {
        return Ok(Some("node requested token with a pod binding without a uid".to_owned()));
    }
    let Some(pod) = cx.registry.get("core/pods", cx.namespace, name).await? else {
        return Err(Failure::not_found("", "pods", name));
    };
    if uid != pod.str_at("metadata.uid") {
        return Ok(Some(format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been \
             deleted and then recreated"
        )));
    }
    if pod.str_at("spec.nodeName") != node {
        return Ok(Some("node requested token bound to a pod scheduled on a different node".to_owned()));
    }
    let audience = match request.list_at("spec.audiences") {
        [] => "",
        [one] => one.as_str().unwrap_or_default(),
        _ => return Ok(Some("node may only request 0 or 1 audiences".to_owned())),
    };
    let asked = volume_sources(&pod).filter_map(|source| source.at("serviceAccountToken"));
    if asked.map(|token| token.str_at("audience")).any(|asked| asked == audience) {
        return Ok(None);
    }
    for volume in pod.list_at("spec.volumes") {
        let claim = volume.str_at("persistentVolumeClaim.claimName");
        let missing =
            !claim.is_empty() && cx.registry.get("core/persistentvolumeclaims", cx.namespace, claim).await?.is_none();
        if missing {
            let (audience, claim) = (quote(audience), quote(claim));
            return Ok(Some(format!("error validating audience {audience}: persistentvolumeclaim {claim} not found")));
        }
    }
    let (user, audience) = (&cx.user.name, quote(audience));
    Ok(Some(format!("{user} is not authorized to request tokens for audience {audience}")))
}

fn refuse_status(cx: &Context<'_>, node: &str, new: &Value) -> Option<String> {
    let quoted = quote(node);
    let old = cx.old?;
    if old.str_at("spec.nodeName") != node {
        return Some(format!("node {quoted} can only update pod status for pods with spec.nodeName set to itself"));
    }
    let differ = new.at("metadata.labels") != old.at("metadata.labels");
    differ.then(|| format!("node {quoted} cannot update labels through pod status"))
}
