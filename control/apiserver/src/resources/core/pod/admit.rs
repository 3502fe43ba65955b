//! What the built-in admission plugins decide over a pod, given what they looked up: account, classes, tolerations.
//!
//! Pure functions; `admission/` has the plugins that look things up and call them. Errors are the words behind
//! `pods "x" is forbidden:`.

use serde_json::{Value, json};

use crate::object::Fields;
use crate::validation::{entries, is_given, member};

/// Where containers find the token of their service account.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Volumes with this prefix hold a token already.
pub const TOKEN_VOLUME_PREFIX: &str = "kube-api-access-";
/// A little more than an hour, so that a token is known for the server's own.
const TOKEN_SECONDS: i64 = 3607;
/// How long pods stay on a node that does not answer.
const TOLERATION_SECONDS: i64 = 300;
const TOLERATED: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Classes that every cluster has, with their values.
pub const SYSTEM_PRIORITIES: [(&str, i64); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

/// The service account that a pod asks for.
pub fn account_name(pod: &Value) -> &str {
    match pod.str_at("spec.serviceAccountName") {
        "" => "default",
        name => name,
    }
}

/// Gives a pod what its service account has: the name, pull secrets, and a token unless one of them declines it.
/// `volume` is a fresh name for the token's volume, with [`TOKEN_VOLUME_PREFIX`].
pub fn use_account(pod: &mut Value, account: &Value, volume: &str) {
    let name = account_name(pod).to_owned();
    pod.set("spec.serviceAccountName", name.clone());
    pod.set("spec.serviceAccount", name);
    let declines = |value: Option<&Value>| value.and_then(Value::as_bool).map(|wanted| !wanted);
    let declined = declines(pod.at("spec.automountServiceAccountToken"))
        .or_else(|| declines(account.at("automountServiceAccountToken")))
        .unwrap_or(false);
    if !declined {
        mount_token(pod, volume);
    }
    if !is_given(pod.at("spec.imagePullSecrets")) && is_given(account.at("imagePullSecrets")) {
        pod.set("spec.imagePullSecrets", account.list_at("imagePullSecrets").to_vec());
    }
}

/// Lets a pod stay for five minutes on a node that does not answer, unless it says otherwise itself.
pub fn tolerate_outages(pod: &mut Value) {
    let mut tolerations = pod.list_at("spec.tolerations").to_vec();
    let before = tolerations.len();
    for key in TOLERATED {
        let covers = |toleration: &Value| {
            (toleration.str_at("key") == key || toleration.str_at("key").is_empty())
                && matches!(toleration.str_at("effect"), "" | "NoExecute")
        };
        if !tolerations.iter().any(covers) {
            tolerations.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": TOLERATION_SECONDS}));
        }
    }
    if tolerations.len() > before {
        pod.set("spec.tolerations", tolerations);
    }
}

/// Gives a new pod the priority of its class; `class` is the one it names or the default of the cluster.
///
/// # Errors
/// If the pod names a class that is not there, or brings a priority that is not its class's.
pub fn prioritize(pod: &mut Value, class: Option<&Value>) -> Result<(), String> {
    let name = pod.str_at("spec.priorityClassName").to_owned();
    let builtin = SYSTEM_PRIORITIES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let value = match (class, builtin) {
        (Some(class), _) => class.i64_at("value").unwrap_or(0),
        (None, Some(value)) => value,
        (None, None) if name.is_empty() => 0,
        (None, None) => return Err(format!("no PriorityClass with name {name} was found")),
    };
    let policy = class.map_or("", |class| class.str_at("preemptionPolicy"));
    let policy = if policy.is_empty() { "PreemptLowerPriority" } else { policy };
    let computed = "must not be provided in pod spec; priority admission controller computed";
    let from = "from the given PriorityClass name";
    if let Some(own) = pod.i64_at("spec.priority").filter(|own| *own != value) {
        return Err(format!("the integer value of priority ({own}) {computed} {value} {from}"));
    }
    let own = pod.str_at("spec.preemptionPolicy");
    if !own.is_empty() && own != policy {
        return Err(format!("the string value of PreemptionPolicy ({own}) {computed} {policy} {from}"));
    }
    if let Some(class) = class.filter(|_| name.is_empty()) {
        pod.set("spec.priorityClassName", class.str_at("metadata.name"));
    }
    pod.set("spec.priority", value);
    pod.set("spec.preemptionPolicy", policy);
    Ok(())
}

/// A changed pod keeps the priority it was made with where the client leaves it out.
pub fn keep_priority(pod: &mut Value, old: &Value) {
    for path in ["spec.priority", "spec.preemptionPolicy"] {
        if let Some(value) = old.at(path) {
            pod.set_default(path, value.clone());
        }
    }
}

/// Gives a new pod the overhead and the placement of its runtime class.
///
/// # Errors
/// If the class is not there, or the pod contradicts it.
pub fn use_runtime_class(pod: &mut Value, class: Option<&Value>) -> Result<(), String> {
    let name = pod.str_at("spec.runtimeClassName").to_owned();
    let overhead = class.and_then(|class| class.at("overhead.podFixed")).cloned();
    match (&overhead, pod.at("spec.overhead")) {
        _ if !name.is_empty() && class.is_none() => {
            return Err(format!("pod rejected: RuntimeClass {} not found", crate::field::quote(&name)));
        }
        (None, Some(own)) if is_given(Some(own)) => {
            return Err("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".to_owned());
        }
        (Some(wanted), Some(own)) if wanted != own => {
            return Err("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead".to_owned());
        }
        _ => {}
    }
    if let Some(overhead) = overhead {
        pod.set("spec.overhead", overhead);
    }
    let scheduling = class.and_then(|class| member(class, "scheduling")).cloned().unwrap_or(Value::Null);
    for (key, value) in entries(scheduling.at("nodeSelector")) {
        pod.set_default("spec.nodeSelector", json!({}));
        let own = crate::object::as_map(&mut pod["spec"]["nodeSelector"]);
        if own.get(key).is_some_and(|own| own != value) {
            return Err("conflict: runtimeClass.scheduling.nodeSelector and pod.spec.nodeSelector".to_owned());
        }
        own.insert(key.clone(), value.clone());
    }
    let mut tolerations = pod.list_at("spec.tolerations").to_vec();
    tolerations.extend(
        scheduling.list_at("tolerations").iter().filter(|t| !tolerations.contains(t)).cloned().collect::<Vec<_>>(),
    );
    if !tolerations.is_empty() {
        pod.set("spec.tolerations", tolerations);
    }
    Ok(())
}

fn mount_token(pod: &mut Value, fresh: &str) {
    let existing = pod.list_at("spec.volumes").iter().find(|v| v.str_at("name").starts_with(TOKEN_VOLUME_PREFIX));
    let generated = existing.is_none();
    let volume = existing.map_or(fresh, |v| v.str_at("name")).to_owned();
    let lacks = |container: &Value| {
        !container.list_at("volumeMounts").iter().any(|mount| mount.str_at("mountPath") == TOKEN_PATH)
    };
    let lists = ["spec.initContainers", "spec.containers"];
    if !lists.iter().flat_map(|list| pod.list_at(list)).any(lacks) {
        return;
    }
    for list in lists {
        let containers = pod.at_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter(|container| lacks(container)) {
            let mut mounts = container.list_at("volumeMounts").to_vec();
            mounts.push(json!({"name": volume, "readOnly": true, "mountPath": TOKEN_PATH}));
            container.set("volumeMounts", mounts);
        }
    }
    if generated {
        let mut volumes = pod.list_at("spec.volumes").to_vec();
        volumes.push(token_volume(&volume));
        pod.set("spec.volumes", volumes);
    }
}

fn token_volume(name: &str) -> Value {
    json!({"name": name, "projected": {"defaultMode": 0o644, "sources": [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_mounted_once_where_no_container_has_it() {
        let mut pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "volumeMounts": [
            {"name": "own", "mountPath": TOKEN_PATH}]}]}});
        use_account(&mut pod, &json!({}), "kube-api-access-abcde");
        assert_eq!(pod.str_at("spec.serviceAccountName"), "default");
        assert_eq!(pod["spec"]["containers"][0].list_at("volumeMounts").len(), 1);
        assert_eq!(pod["spec"]["containers"][1].list_at("volumeMounts").len(), 1);
        assert_eq!(pod["spec"]["volumes"][0].str_at("name"), "kube-api-access-abcde");
        let once = pod.clone();
        use_account(&mut pod, &json!({}), "kube-api-access-other");
        assert_eq!(pod, once);
    }

    #[test]
    fn a_pod_or_its_account_can_decline_the_token() {
        let declined = json!({"automountServiceAccountToken": false});
        for (pod_says, account, volumes) in
            [(json!(false), json!({}), 0), (json!(null), declined.clone(), 0), (json!(true), declined, 1)]
        {
            let mut pod = json!({"spec": {"automountServiceAccountToken": pod_says, "containers": [{}]}});
            use_account(&mut pod, &account, "kube-api-access-abcde");
            assert_eq!(pod.list_at("spec.volumes").len(), volumes, "{pod}");
        }
    }

    #[test]
    fn priorities_come_from_classes_only() {
        let prioritized = |spec: Value, class: Option<Value>| {
            let mut pod = json!({"spec": spec});
            prioritize(&mut pod, class.as_ref()).map(|()| pod.i64_at("spec.priority").unwrap_or(-1))
        };
        assert_eq!(prioritized(json!({}), None), Ok(0));
        assert_eq!(prioritized(json!({"priorityClassName": "system-node-critical"}), None), Ok(2_000_001_000));
        assert_eq!(
            prioritized(json!({"priorityClassName": "x"}), None),
            Err("no PriorityClass with name x was found".to_owned())
        );
        assert_eq!(
            prioritized(json!({"priority": 5}), None),
            Err("the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name".to_owned())
        );
        let class = json!({"metadata": {"name": "high"}, "value": 7});
        assert_eq!(prioritized(json!({"priorityClassName": "high"}), Some(class)), Ok(7));
    }

    #[test]
    fn outages_are_tolerated_unless_the_pod_says_how() {
        for (own, count) in [(json!([]), 2), (json!([{"operator": "Exists"}]), 1), (json!([{"key": TOLERATED[0]}]), 2)]
        {
            let mut pod = json!({"spec": {"tolerations": own}});
            tolerate_outages(&mut pod);
            assert_eq!(pod.list_at("spec.tolerations").len(), count, "{pod}");
        }
    }
}
