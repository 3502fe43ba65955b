//! Plans of ReplicaSets as stories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::json;

use super::{object::ReplicaSet, plan};
use crate::{clock::Time, transcript, view::pod::Pod};

/// Given: `replicas N [deleting] [minReady S]`, then pods as `name [node=n] [phase] [ready@T] [cost=N] [restarts=N]
/// [created@T] [deleting]`; now is 1000 seconds.
#[test]
fn plans_are_as_told() {
    transcript::check("replicaset.txt", |given| {
        let mut lines = given.lines();
        let set = set(lines.next().unwrap());
        let pods: Vec<_> = lines.map(pod).collect();
        let (plan, now) = (plan::plan(&set, &pods, &pods, Time(1000)), Time(1000));
        let status = serde_json::to_value(plan::status(&set, &pods, None, now)).unwrap();
        let names: Vec<_> = plan.delete.iter().map(|pod| pod.metadata.name.as_ref()).collect();
        let mut answer = match (plan.create, names.as_slice()) {
            (0, []) => "nothing to do\n".to_owned(),
            (0, names) => format!("delete {}\n", names.join(" ")),
            (count, _) => format!("create {count}\n"),
        };
        for (name, value) in status.as_object().unwrap().iter().filter(|(_, value)| value.is_i64()) {
            answer += &format!("{name}={value} ");
        }
        if let Some(at) = plan::next_available(&set, &pods, now) {
            answer += &format!("\nlook again in {} s", at.after(now).as_secs());
        }
        answer.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    });
}

fn set(line: &str) -> ReplicaSet {
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("replicas"));
    let replicas: i64 = words.next().unwrap().parse().unwrap();
    let mut object = json!({
        "metadata": {"generation": 1},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "web"}}}},
    });
    while let Some(word) = words.next() {
        match word {
            "deleting" => object["metadata"]["deletionTimestamp"] = json!(Time(900)),
            "minReady" => object["spec"]["minReadySeconds"] = words.next().unwrap().parse::<i64>().unwrap().into(),
            word => panic!("unknown word {word}"),
        }
    }
    serde_json::from_value(object).unwrap()
}

fn pod(line: &str) -> Arc<Pod> {
    let mut words = line.split(' ');
    let name = words.next().unwrap();
    let mut pod = json!({
        "metadata": {"name": name, "uid": name, "labels": {"app": "web"}}, "spec": {}, "status": {"phase": "Running"},
    });
    for word in words {
        let (key, value) = word.split_once(['=', '@']).unwrap_or((word, ""));
        let number = || value.parse::<i64>().unwrap();
        match key {
            "node" => pod["spec"]["nodeName"] = value.into(),
            "ready" => {
                let since = json!(Time(number()));
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True", "lastTransitionTime": since}]);
            }
            "cost" => pod["metadata"]["annotations"] = json!({"controller.kubernetes.io/pod-deletion-cost": value}),
            "restarts" => pod["status"]["containerStatuses"] = json!([{"restartCount": number()}]),
            "created" => pod["metadata"]["creationTimestamp"] = json!(Time(number())),
            "deleting" => pod["metadata"]["deletionTimestamp"] = json!(Time(900)),
            phase => pod["status"]["phase"] = phase.into(),
        }
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}
