//! Reads `rbac.txt`, the roles and bindings of a new server, into objects.

use serde_json::{Map, Value, json};

use crate::object::Fields;
use crate::resources::rbac::GROUP;

/// The facts; its head says how it is written.
const TEXT: &str = include_str!("rbac.txt");
const AGGREGATE_TO: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// The objects, in the order of the text.
pub(super) fn objects() -> Vec<Value> {
    let mut objects: Vec<Value> = Vec::new();
    for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
        match (line.strip_prefix('\t'), objects.last_mut()) {
            (Some(detail), Some(object)) => add(object, detail),
            _ => objects.push(header(line)),
        }
    }
    objects
}

/// The object that `KIND NAME [NAMESPACE] [+label]` begins.
fn header(line: &str) -> Value {
    let mut words = line.split(' ');
    let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut labels = Map::from_iter([("kubernetes.io/bootstrapping".to_owned(), json!("rbac-defaults"))]);
    let mut object = json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": kind,
        "metadata": {"name": name, "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}},
    });
    for word in words {
        match word.strip_prefix('+') {
            Some(role) => drop(labels.insert(format!("{AGGREGATE_TO}{role}"), json!("true"))),
            None => object.set("metadata.namespace", word),
        }
    }
    object.set("metadata.labels", labels);
    if kind.ends_with("Role") {
        object.set("rules", Value::Array(Vec::new()));
    }
    object
}

/// Adds what one line below a header says.
fn add(object: &mut Value, detail: &str) {
    if let Some(role) = detail.strip_prefix("aggregates ") {
        let label = format!("{AGGREGATE_TO}{role}");
        object.set("aggregationRule", json!({"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]}));
        object.set("rules", Value::Null);
        return;
    }
    if object.str_at("kind").ends_with("Binding") {
        // Names of roles hold colons too; the one that ends the role has a space or nothing behind it.
        let (role, subjects) = detail.split_once(": ").unwrap_or((detail.trim_end_matches(':'), ""));
        let (kind, name) = role.split_once(' ').unwrap_or((role, ""));
        object.set("roleRef", json!({"apiGroup": GROUP, "kind": kind, "name": name}));
        let subjects: Vec<Value> = subjects.split(", ").filter(|text| !text.is_empty()).map(subject).collect();
        if !subjects.is_empty() {
            object.set("subjects", subjects);
        }
        return;
    }
    let rule = rule(detail);
    if let Some(Value::Array(rules)) = object.at_mut("rules") {
        rules.push(rule);
    }
}

fn rule(line: &str) -> Value {
    let list = |text: &str| -> Vec<Value> {
        text.split(',').map(|word| if word == "core" { json!("") } else { json!(word) }).collect()
    };
    match line.split('\t').collect::<Vec<_>>()[..] {
        [verbs, urls] => json!({"verbs": list(verbs), "nonResourceURLs": list(urls)}),
        [verbs, groups, resources] => {
            json!({"verbs": list(verbs), "apiGroups": list(groups), "resources": list(resources)})
        }
        [verbs, groups, resources, names] => json!({
            "verbs": list(verbs), "apiGroups": list(groups), "resources": list(resources), "resourceNames": list(names),
        }),
        _ => Value::Null,
    }
}

fn subject(text: &str) -> Value {
    let (kind, name) = text.split_once(' ').unwrap_or((text, ""));
    match name.split_once('/') {
        Some((name, namespace)) => json!({"kind": kind, "name": name, "namespace": namespace}),
        None => json!({"kind": kind, "name": name, "apiGroup": GROUP}),
    }
}
