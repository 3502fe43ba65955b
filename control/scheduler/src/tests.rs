//! Choices of nodes as stories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use tokio::time::{Duration, Instant};

use crate::{
    schedule::schedule,
    snapshot::Snapshot,
    state::{State, Turn},
    transcript,
    view::{Node, Pod},
    watch::Change,
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

/// Given, a line an event: `node NAME {…}`, `pod NAME/UID [on NODE] [deleting]`, `gone NAME/UID`, `list NAME/UID…` for a
/// list anew, `refused NAME/UID`, `turn`, and `later` when ten minutes pass. Each turn's answer and, after every event,
/// what is counted on each node are told.
#[test]
fn room_is_given_away_once() {
    transcript::check("state.txt", |given| {
        let (mut state, mut now, mut nodes, mut answer) = (State::default(), Instant::now(), Vec::new(), Vec::new());
        for line in given.lines() {
            let (event, body) = line.split_once(" {").map_or((line, json!({})), |(event, body)| {
                (event, serde_json::from_str(&format!("{{{body}")).unwrap())
            });
            let mut told = String::new();
            match event.split(' ').collect::<Vec<_>>().as_slice() {
                ["node", name] => {
                    nodes.push((*name).to_owned());
                    state.take_nodes(Change::Put(node(name, body)), now);
                }
                ["pod", name, words @ ..] => state.take_pods(Change::Put(waiting(name, words)), now),
                ["gone", name] => state.take_pods(Change::Gone(waiting(name, &[])), now),
                ["list", names @ ..] => {
                    state.take_pods(Change::All(names.iter().map(|name| waiting(name, &[])).collect()), now);
                }
                ["refused", name] => state.refused(&waiting(name, &[]), now),
                ["later"] => now += Duration::from_secs(600),
                ["turn"] => {
                    told = match state.turn(now) {
                        None => " nobody's;".to_owned(),
                        Some(Turn::Bind { pod, node }) => {
                            format!(" {}/{} is to be bound to {node};", pod.metadata.name, pod.metadata.uid)
                        }
                        Some(Turn::Tell { pod, .. }) => format!(" {} finds no node;", pod.metadata.name),
                        Some(Turn::Known) => " no node again;".to_owned(),
                    }
                }
                _ => panic!("not understood: {line}"),
            }
            let rooms = nodes.iter().map(|node| {
                let (pods, assumed) = state.pods_on(node);
                format!(" {node}={pods}{}", if assumed > 0 { format!(" ({assumed} assumed)") } else { String::new() })
            });
            answer.push(format!("{event}:{told}{}", rooms.collect::<String>()));
        }
        answer.join("\n")
    });
}

/// A pod that takes a whole node: `name/uid`.
fn waiting(name: &str, words: &[&str]) -> Pod {
    let (name, uid) = name.split_once('/').unwrap();
    let mut metadata = json!({"name": name, "namespace": "ns", "uid": uid});
    let mut spec =
        json!({"schedulerName": "default-scheduler", "containers": [{"resources": {"requests": {"cpu": "4"}}}]});
    match words {
        [] => {}
        ["deleting"] => metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        ["on", node] => spec["nodeName"] = json!(node),
        words => panic!("not understood: {words:?}"),
    }
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
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
