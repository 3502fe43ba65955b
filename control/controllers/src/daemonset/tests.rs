//! Plans of DaemonSets as stories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::plan::{self, Observed};
use crate::{clock::Time, transcript};

/// Given: a spec in JSON (its template is that of the pod's spec), then `node NAME {labels and taints}` and `pod NAME
/// on|for NODE [old] [ready] [failed] [deleting]`; now is 1000 seconds.
#[test]
fn plans_are_as_told() {
    transcript::check("daemonset.txt", |given| {
        let mut lines = given.lines();
        let mut spec: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        spec["template"] = json!({"metadata": {"labels": {"app": "agent"}}, "spec": spec["pod"]});
        let set = serde_json::from_value(json!({"metadata": {"generation": 1}, "spec": spec})).unwrap();
        let mut observed = Observed { set, hash: "new".to_owned(), ..Observed::default() };
        for line in lines {
            let (kind, rest) = line.split_once(' ').unwrap();
            match kind {
                "node" => observed.nodes.push(Arc::new(serde_json::from_value(node(rest)).unwrap())),
                _ => observed.pods.push(Arc::new(serde_json::from_value(pod(rest)).unwrap())),
            }
        }
        let plan = plan::plan(&observed, Time(1000));
        let mut answer: Vec<_> = plan.create.iter().map(|node| format!("create for {node}")).collect();
        answer.extend(plan.delete.iter().map(|pod| format!("delete {}", pod.metadata.name)));
        answer.extend(plan.events.iter().map(|(_, reason, message)| format!("event {reason}: {message}")));
        let status = serde_json::to_value(plan::status(&observed, Time(1000))).unwrap();
        let counts =
            status.as_object().unwrap().iter().filter(|(name, value)| value.is_i64() && name.contains("umber"));
        answer.push(counts.map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" "));
        answer.join("\n")
    });
}

fn node(line: &str) -> Value {
    let (name, body) = line
        .split_once(" {")
        .map_or((line, json!({})), |(name, body)| (name, serde_json::from_str(&format!("{{{body}")).unwrap()));
    let labels = if body["labels"].is_null() { json!({}) } else { body["labels"].clone() };
    let taints = if body["taints"].is_null() { json!([]) } else { body["taints"].clone() };
    json!({"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}})
}

fn pod(line: &str) -> Value {
    let words: Vec<_> = line.split(' ').collect();
    let mut pod = json!({
        "metadata": {"name": words[0], "uid": words[0], "labels": {"controller-revision-hash": "new"}},
        "spec": {}, "status": {"phase": "Running"},
    });
    match words[1] {
        "on" => pod["spec"]["nodeName"] = json!(words[2]),
        _ => super::fit::pin(&mut pod["spec"], words[2]),
    }
    for word in &words[3..] {
        match *word {
            "old" => pod["metadata"]["labels"]["controller-revision-hash"] = json!("old"),
            "ready" => {
                let since = json!(Time(900));
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True", "lastTransitionTime": since}]);
            }
            "failed" => pod["status"]["phase"] = json!("Failed"),
            "deleting" => pod["metadata"]["deletionTimestamp"] = json!(Time(900)),
            word => panic!("unknown word {word}"),
        }
    }
    pod
}
