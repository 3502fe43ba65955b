//! Choices of nodes as stories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use crate::{
    schedule::schedule,
    snapshot::Snapshot,
    transcript,
    view::{Node, Pod},
};

/// Given: `node NAME {spec and allocatable}`, `pod NAME on NODE {spec}` for those that are there, and then `pod NAME
/// {spec}` for those to schedule one after another.
#[test]
fn pods_get_the_nodes_that_are_told() {
    transcript::check("schedule.txt", |given| {
        let mut snapshot = Snapshot::default();
        let mut answer = Vec::new();
        for line in given.lines() {
            let words: Vec<_> = line.splitn(2, " {").collect();
            let body: Value =
                words.get(1).map_or(json!({}), |body| serde_json::from_str(&format!("{{{body}")).unwrap());
            match words[0].split(' ').collect::<Vec<_>>().as_slice() {
                ["node", name] => drop(snapshot.put_node(node(name, body))),
                ["pod", name, "on", node] => snapshot.place(&pod(name, body), node),
                ["gone", name] => drop(snapshot.remove_pod(&format!("ns/{name}"))),
                ["pod", name] => {
                    let pod = pod(name, body);
                    answer.push(match schedule(&pod, &snapshot) {
                        Ok(node) => {
                            snapshot.place(&pod, &node);
                            format!("{name} gets {node}")
                        }
                        Err(message) => format!("{name}: {message}"),
                    });
                }
                _ => panic!("not understood: {line}"),
            }
        }
        answer.join("\n")
    });
}

fn node(name: &str, body: Value) -> Node {
    let labels = body["labels"].clone();
    let metadata = json!({"name": name, "labels": if labels.is_null() { json!({}) } else { labels }});
    let mut allocatable = json!({"cpu": "4", "memory": "8Gi", "pods": "10", "ephemeral-storage": "100Gi"});
    for (key, value) in body["allocatable"].as_object().into_iter().flatten() {
        allocatable[key] = value.clone();
    }
    let mut spec = body;
    spec.as_object_mut().unwrap().retain(|key, _| key == "taints" || key == "unschedulable");
    serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable}})).unwrap()
}

fn pod(name: &str, mut spec: Value) -> Pod {
    if let Some(requests) = spec.as_object_mut().unwrap().remove("requests") {
        spec["containers"] = json!([{"resources": {"requests": requests}}]);
    }
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": "ns", "uid": name}, "spec": spec})).unwrap()
}
