//! Warnings about a pod spec that is accepted but surely not meant so (`pkg/api/pod/warnings.go`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::field::{Path, quote};
use crate::object::Fields;
use crate::resources::pod_template::pod_security::visit_order;
use crate::validation::{each, entries, member, quantity};

/// Labels of nodes under their old names.
const OLD_NODE_LABELS: &[(&str, &str)] = &[
    ("beta.kubernetes.io/arch", r#"deprecated since v1.14; use "kubernetes.io/arch" instead"#),
    ("beta.kubernetes.io/os", r#"deprecated since v1.14; use "kubernetes.io/os" instead"#),
    (
        "failure-domain.beta.kubernetes.io/region",
        r#"deprecated since v1.17; use "topology.kubernetes.io/region" instead"#,
    ),
    ("failure-domain.beta.kubernetes.io/zone", r#"deprecated since v1.17; use "topology.kubernetes.io/zone" instead"#),
    ("beta.kubernetes.io/instance-type", r#"deprecated since v1.17; use "node.kubernetes.io/instance-type" instead"#),
];

const OLD_ANNOTATIONS: &[(&str, &str)] = &[
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        r#"non-functional in v1.16+; use the "priorityClassName" field instead"#,
    ),
    ("security.alpha.kubernetes.io/sysctls", r#"non-functional in v1.11+; use the "sysctls" field instead"#),
    ("security.alpha.kubernetes.io/unsafe-sysctls", r#"non-functional in v1.11+; use the "sysctls" field instead"#),
];

const OLD_VOLUMES: &[(&str, &str)] = &[
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Warnings about a template at `path`.
pub fn warnings(path: &Path, template: &Value) -> Vec<String> {
    let mut warnings = for_pod(path, template);
    warnings.extend(app_armor(path, template));
    warnings
}

/// Warnings about a pod, or a template, but for those of [`app_armor`], which pods bring even when they are refused.
pub fn for_pod(path: &Path, template: &Value) -> Vec<String> {
    let null = Value::Null;
    let spec = template.at("spec").unwrap_or(&null);
    let annotations = template.at("metadata.annotations");
    let at = path.child("spec");
    let mut warnings = node_labels(&at, spec);
    for (name, why) in OLD_ANNOTATIONS {
        if annotations.and_then(|a| a.get(name)).is_some() {
            warnings.push(format!("{}: {why}", path.child("metadata.annotations").key(name)));
        }
    }
    warnings.extend(old_volumes(&at, spec));
    warnings.extend(duplicates(&at, spec, "hostAliases", "ip"));
    warnings.extend(duplicates(&at, spec, "imagePullSecrets", "name"));
    for (at, secret) in each(&at, spec, "imagePullSecrets") {
        if secret.str_at("name").is_empty() {
            warnings.push(format!("{}: invalid empty name \"\"", at.child("name")));
        }
    }
    warnings.extend(fractions(&at.child("overhead"), spec.at("overhead")));
    warnings.extend(seccomp(path, template));
    for list in visit_order() {
        for (at, container) in each(&at, spec, list) {
            warnings.extend(in_container(&at, container));
        }
    }
    warnings.extend(ports(&at, spec));
    warnings
}

fn in_container(path: &Path, container: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    for resource in ["memory", "ephemeral-storage"] {
        for list in ["limits", "requests"] {
            let amounts = container.at("resources").and_then(|r| r.get(list));
            let at = path.child("resources").child(list);
            warnings.extend(amounts.and_then(|a| a.get(resource)).and_then(|value| fraction(&at.key(resource), value)));
        }
    }
    let mut seen = BTreeSet::new();
    for (at, variable) in each(path, container, "env") {
        let (name, value) = (variable.str_at("name"), variable.str_at("value"));
        // A variable that builds on the one before it is meant so.
        let reference = format!("$({name})");
        let builds_on = value.contains(&reference) && value != reference && member(variable, "valueFrom").is_none();
        if !seen.insert(name) && !builds_on {
            let name = quote(name);
            warnings.push(format!("{at}: hides previous definition of {name}, which may be dropped when using apply"));
        }
    }
    warnings
}

/// Warnings about a term that selects nodes, which volumes have too.
pub fn node_term(path: &Path, term: &Value) -> Vec<String> {
    let old = |key: &str| OLD_NODE_LABELS.iter().find(|(name, _)| *name == key).map(|(_, why)| *why);
    let of = |(at, expression): (Path, &Value)| {
        let key = expression.str_at("key");
        old(key).map(|why| format!("{}: {key} is {why}", at.child("key")))
    };
    each(path, term, "matchExpressions").filter_map(of).collect()
}

fn node_labels(path: &Path, spec: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let old = |key: &str| OLD_NODE_LABELS.iter().find(|(name, _)| *name == key).map(|(_, why)| *why);
    for (key, _) in entries(spec.at("nodeSelector")) {
        warnings.extend(old(key).map(|why| format!("{}: {why}", path.child("nodeSelector").key(key))));
    }
    let nodes = spec.at("affinity.nodeAffinity").unwrap_or(&Value::Null);
    let at = path.child("affinity.nodeAffinity");
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    let mut terms: Vec<(Path, &Value)> = Vec::new();
    if let Some(selector) = nodes.get(required) {
        terms.extend(each(&at.child(required), selector, "nodeSelectorTerms"));
    }
    terms.extend(
        each(&at, nodes, preferred).filter_map(|(at, term)| Some((at.child("preference"), term.get("preference")?))),
    );
    for (at, term) in terms {
        warnings.extend(node_term(&at, term));
    }
    for (at, constraint) in each(path, spec, "topologySpreadConstraints") {
        let key = constraint.str_at("topologyKey");
        warnings.extend(old(key).map(|why| format!("{}: {key} is {why}", at.child("topologyKey"))));
        if member(constraint, "labelSelector").is_none() {
            warnings.push(format!("{}: a null labelSelector results in matching no pod", at.child("labelSelector")));
        }
    }
    warnings
}

fn old_volumes(path: &Path, spec: &Value) -> Vec<String> {
    each(path, spec, "volumes").flat_map(|(at, volume)| old_volume(&at, volume)).collect()
}

/// Warnings about a volume's source: the spec of a PersistentVolume has the same ones.
pub fn old_volume(path: &Path, volume: &Value) -> Vec<String> {
    let given = OLD_VOLUMES.iter().filter(|(name, _)| member(volume, name).is_some());
    let shown = |name: &'static str| if name == "storageos" { "storageOS" } else { name };
    given.map(|(name, why)| format!("{}: {why}", path.child(shown(name)))).collect()
}

fn duplicates(path: &Path, spec: &Value, list: &str, field: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    each(path, spec, list)
        .filter(|(_, element)| !seen.insert(element.str_at(field)))
        .map(|(at, element)| format!("{}: duplicate {field} {}", at.child(field), quote(element.str_at(field))))
        .collect()
}

fn fractions(path: &Path, amounts: Option<&Value>) -> Vec<String> {
    let known = ["memory", "ephemeral-storage"];
    known.iter().filter_map(|name| fraction(&path.key(name), amounts?.get(name)?)).collect()
}

/// A warning about an amount of bytes that is not whole.
pub fn fraction(path: &Path, value: &Value) -> Option<String> {
    let text = quote(value.as_str().unwrap_or_default());
    let whole = quantity::of(value).is_whole();
    (!whole).then(|| format!("{path}: fractional byte value {text} is invalid, must be an integer"))
}

/// Seccomp annotations, which nothing reads any more, where no field repeats them.
fn seccomp(path: &Path, template: &Value) -> Vec<String> {
    const WHY: &str = r#"non-functional in v1.27+; use the "seccompProfile" field instead"#;
    let null = Value::Null;
    let spec = template.at("spec").unwrap_or(&null);
    let has = |key: &str| template.at("metadata.annotations").and_then(|a| a.get(key)).is_some();
    let at = |key: &str| path.child("metadata.annotations").key(key);
    let mut warnings = Vec::new();
    if spec.at("securityContext.seccompProfile").is_none() && has(SECCOMP_POD) {
        warnings.push(format!("{}: {WHY}", at(SECCOMP_POD)));
    }
    for container in visit_order().iter().flat_map(|list| spec.list_at(list)) {
        let key = format!("{SECCOMP_CONTAINER}{}", container.str_at("name"));
        if container.at("securityContext.seccompProfile").is_none() && has(&key) {
            warnings.push(format!("{}: {WHY}", at(&key)));
        }
    }
    warnings
}

/// AppArmor annotations, where no field repeats them.
pub fn app_armor(path: &Path, template: &Value) -> Vec<String> {
    const WHY: &str = r#"deprecated since v1.30; use the "appArmorProfile" field instead"#;
    let null = Value::Null;
    let spec = template.at("spec").unwrap_or(&null);
    let annotations = template.at("metadata.annotations").unwrap_or(&null);
    visit_order()
        .iter()
        .flat_map(|list| spec.list_at(list))
        .filter(|c| c.at("securityContext.appArmorProfile").or(spec.at("securityContext.appArmorProfile")).is_none())
        .map(|container| format!("{APP_ARMOR}{}", container.str_at("name")))
        .filter(|key| annotations.get(key).is_some())
        .map(|key| format!("{}: {WHY}", path.child("metadata.annotations").key(&key)))
        .collect()
}

/// Ports that two containers, or one twice, listen on.
fn ports(path: &Path, spec: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut seen: BTreeMap<(i64, &str), Vec<(Path, &Value)>> = BTreeMap::new();
    for list in visit_order() {
        for (at, container) in each(path, spec, list) {
            for (at, port) in each(&at, container, "ports") {
                let key = (port.i64_at("containerPort").unwrap_or(0), port.str_at("protocol"));
                let others = seen.entry(key).or_default();
                for (other_at, other) in others.iter() {
                    warnings
                        .extend(overlap(port, other).map(|how| format!("{at}: {how} port definition with {other_at}")));
                }
                others.push((at, port));
            }
        }
    }
    warnings
}

fn overlap(port: &Value, other: &Value) -> Option<&'static str> {
    let host = |p: &Value| p.i64_at("hostPort").unwrap_or(0);
    let address = |p: &Value| p.str_at("hostIP").to_owned();
    if address(port) == address(other) && host(port) == host(other) {
        return Some("duplicate");
    }
    let any = |p: &Value| matches!(address(p).as_str(), "" | "0.0.0.0" | "::");
    let meets = host(port) == 0 || host(other) == 0 || (host(port) == host(other) && (any(port) || any(other)));
    meets.then_some("overlapping")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variable_defined_twice_is_warned_of_unless_it_builds_on_the_first() {
        let pod = |second: &str| {
            json!({"spec": {"containers": [{"name": "c", "env": [
                {"name": "A", "value": "1"}, {"name": "A", "value": second}]}]}})
        };
        assert_eq!(warnings(&Path::root(), &pod("$(A)2")), Vec::<String>::new());
        assert_eq!(
            warnings(&Path::root(), &pod("2")),
            [r#"spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply"#]
        );
    }
}
