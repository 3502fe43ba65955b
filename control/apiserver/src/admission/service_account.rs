//! Pods run as a ServiceAccount that exists, with its token at a known place and its secrets for pulling images.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::admission::node_restriction::{containers, volume_sources};
use crate::admission::{Context, Operation, Plugin};
use crate::error::Failure;
use crate::field::quote;
use crate::identity;
use crate::object::Fields;

const ACCOUNTS: &str = "core/serviceaccounts";
/// Where programs look for their token.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";
/// An hour and what kubelets need to renew in time; upstream knows its own volumes by this number.
const TOKEN_SECONDS: i64 = 3607;
const ENFORCE_SECRETS: &str = "kubernetes.io/enforce-mountable-secrets";
/// Marks the API's copy of a pod that a node runs from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// `ServiceAccount`.
pub struct ServiceAccount;

impl Plugin for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, pod: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        if cx.operation != Operation::Create || !cx.is_about("", "pods") {
            return Box::pin(async { Ok(()) });
        }
        if is_mirror(pod) {
            let refused = mirror_reference(pod).map(|kind| format!("a mirror pod may not reference {kind}"));
            return Box::pin(async move { refused.map_or(Ok(()), |what| Err(cx.forbidden(&what))) });
        }
        Box::pin(async move {
            pod.set_default("spec.serviceAccountName", "default");
            if pod.str_at("spec.serviceAccountName").is_empty() {
                pod.set("spec.serviceAccountName", "default");
            }
            let name = pod.str_at("spec.serviceAccountName").to_owned();
            pod.set("spec.serviceAccount", name.as_str());
            let Some(account) = cx.registry.get(ACCOUNTS, cx.namespace, &name).await? else {
                let quoted = quote(&name);
                let what = format!(
                    "error looking up service account {}/{name}: serviceaccount {quoted} not found",
                    cx.namespace
                );
                return Err(cx.forbidden(&what));
            };
            if mounts_token(pod, &account) {
                mount_token(pod);
            }
            if pod.list_at("spec.imagePullSecrets").is_empty() && !account.list_at("imagePullSecrets").is_empty() {
                pod.set("spec.imagePullSecrets", account.list_at("imagePullSecrets").to_vec());
            }
            Ok(())
        })
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, pod: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        if cx.operation != Operation::Create || !cx.is_about("", "pods") || is_mirror(pod) {
            return Box::pin(async { Ok(()) });
        }
        Box::pin(async move {
            let name = pod.str_at("spec.serviceAccountName");
            let account = cx.registry.get(ACCOUNTS, cx.namespace, name).await?;
            let account = account.filter(|account| annotation(account, ENFORCE_SECRETS) == "true");
            match account.and_then(|account| foreign_secret(pod, &account)) {
                Some(what) => Err(cx.forbidden(&what)),
                None => Ok(()),
            }
        })
    }
}

fn is_mirror(pod: &Value) -> bool {
    pod.at("metadata.annotations").is_some_and(|annotations| annotations.get(MIRROR).is_some())
}

/// What a mirror pod uses although its node has nothing of it.
fn mirror_reference(pod: &Value) -> Option<&'static str> {
    let in_volumes = |field: &str| volume_sources(pod).any(|source| source.at(field).is_some());
    let secrets = containers(pod).any(|container| {
        container.list_at("env").iter().any(|variable| variable.at("valueFrom.secretKeyRef").is_some())
            || container.list_at("envFrom").iter().any(|source| source.at("secretRef").is_some())
    });
    if !pod.str_at("spec.serviceAccountName").is_empty() || in_volumes("serviceAccountToken") {
        Some("service accounts")
    } else if in_volumes("secret") || secrets || !pod.list_at("spec.imagePullSecrets").is_empty() {
        Some("secrets")
    } else {
        None
    }
}

fn annotation<'a>(object: &'a Value, key: &str) -> &'a str {
    object.at("metadata.annotations").and_then(|all| all.get(key)).and_then(Value::as_str).unwrap_or_default()
}

/// What the pod says counts before what the account says.
fn mounts_token(pod: &Value, account: &Value) -> bool {
    let said = pod.at("spec.automountServiceAccountToken").and_then(Value::as_bool);
    let said = said.or_else(|| account.at("automountServiceAccountToken").and_then(Value::as_bool));
    said.unwrap_or(true)
}

/// Mounts the token where nothing is mounted yet. A volume that is named like ours is taken for it.
fn mount_token(pod: &mut Value) {
    let volumes = pod.list_at("spec.volumes").to_vec();
    let named_like = volumes.iter().map(|volume| volume.str_at("name")).find(|name| name.starts_with(VOLUME_PREFIX));
    let name = named_like.map_or_else(|| identity::generated_name(VOLUME_PREFIX), str::to_owned);
    let is_new = named_like.is_none();
    let mut mounted = false;
    for list in ["spec.initContainers", "spec.containers"] {
        for container in pod.at_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let mounts = container.list_at("volumeMounts");
            if mounts.iter().any(|mount| mount.str_at("mountPath") == MOUNT_PATH) {
                continue;
            }
            let mount = json!({"name": name, "mountPath": MOUNT_PATH, "readOnly": true});
            let mounts: Vec<Value> = mounts.iter().cloned().chain([mount]).collect();
            container.set("volumeMounts", mounts);
            mounted = true;
        }
    }
    if mounted && is_new {
        let volumes: Vec<Value> = volumes.into_iter().chain([token_volume(&name)]).collect();
        pod.set("spec.volumes", volumes);
    }
}

fn token_volume(name: &str) -> Value {
    let namespace = json!({"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}});
    json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace]}},
            ],
        },
    })
}

/// What is wrong with the first secret that the pod uses and a strict account does not list.
fn foreign_secret(pod: &Value, account: &Value) -> Option<String> {
    let account_name = account.str_at("metadata.name");
    let listed = |list: &str, name: &str| account.list_at(list).iter().any(|secret| secret.str_at("name") == name);
    let refused = |what: &str, name: &str| {
        let secret = format!("secret.secretName={}", quote(name));
        format!("{what}{secret} is not allowed because service account {account_name} does not reference that secret")
    };
    for volume in pod.list_at("spec.volumes") {
        let name = volume.str_at("secret.secretName");
        if volume.at("secret").is_some() && !listed("secrets", name) {
            return Some(refused("volume with ", name));
        }
    }
    for (kind, list) in [("init container", "spec.initContainers"), ("container", "spec.containers")] {
        for container in pod.list_at(list) {
            let of = container.str_at("name");
            for env in container.list_at("env") {
                let name = env.str_at("valueFrom.secretKeyRef.name");
                if env.at("valueFrom.secretKeyRef").is_some() && !listed("secrets", name) {
                    return Some(refused(
                        &format!("{kind} {of} with envVar {} referencing ", env.str_at("name")),
                        name,
                    ));
                }
            }
            for from in container.list_at("envFrom") {
                let name = from.str_at("secretRef.name");
                if from.at("secretRef").is_some() && !listed("secrets", name) {
                    return Some(refused(&format!("{kind} {of} with envFrom referencing "), name));
                }
            }
        }
    }
    let mut pulls = pod.list_at("spec.imagePullSecrets").iter().enumerate();
    pulls.find(|(_, secret)| !listed("imagePullSecrets", secret.str_at("name"))).map(|(at, secret)| {
        let name = quote(secret.str_at("name"));
        format!(
            "imagePullSecrets[{at}].name={name} is not allowed because service account {account_name} does not \
             reference that imagePullSecret"
        )
    })
}
