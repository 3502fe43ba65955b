//! Plans of Jobs as stories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::plan;
use crate::{clock::Time, transcript, view::pod::Pod};

/// Given: a Job's spec (and status) in JSON, then `NAME PHASE [tracked] [deleting] [ended@T]`; now is 1000 seconds.
#[test]
fn plans_are_as_told() {
    transcript::check("job.txt", |given| {
        let mut lines = given.lines();
        let job = serde_json::from_str(lines.next().unwrap()).unwrap();
        let pods: Vec<_> = lines.map(pod).collect();
        let plan = plan::plan(&job, &pods, Time(1000));
        let names = |pods: &[Arc<Pod>]| pods.iter().map(|pod| format!(" {}", pod.metadata.name)).collect::<String>();
        let mut answer = format!(
            "create {} drop{} stop{} untrack{}\n",
            plan.create,
            names(&plan.drop),
            names(&plan.stop),
            names(&plan.untrack)
        );
        let status = serde_json::to_value(&plan.status).unwrap();
        for (name, value) in status.as_object().unwrap() {
            match value {
                Value::Number(value) => answer += &format!("{name}={value} "),
                Value::String(value) => answer += &format!("{name}={value} "),
                Value::Object(uncounted) => answer += &format!("uncounted={} ", json!(uncounted)),
                _ => {}
            }
        }
        for condition in &plan.status.conditions {
            answer += &format!("\n{} {} {}", condition.name, condition.status, condition.reason);
        }
        for (_, reason, message) in &plan.events {
            answer += &format!("\nevent {reason}: {message}");
        }
        if let Some(at) = plan.look_again {
            answer += &format!("\nlook again in {} s", at.after(Time(1000)).as_secs());
        }
        answer.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    });
}

fn pod(line: &str) -> Arc<Pod> {
    let words: Vec<_> = line.split(' ').collect();
    let mut pod = json!({"metadata": {"name": words[0], "uid": words[0]}, "status": {"phase": words[1]}});
    for word in &words[2..] {
        match word.split_once('@') {
            Some((_, at)) => {
                let at = json!({"terminated": {"finishedAt": Time(at.parse().unwrap())}});
                pod["status"]["containerStatuses"] = json!([{"state": at}]);
            }
            None if *word == "tracked" => pod["metadata"]["finalizers"] = json!([plan::FINALIZER]),
            None => pod["metadata"]["deletionTimestamp"] = json!(Time(999)),
        }
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}
