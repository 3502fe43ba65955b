//! Plans of CronJobs as stories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::plan;
use crate::{clock::Time, transcript};

/// Given: a CronJob's spec (and status) in JSON, then `NAME [active] [Complete@T] [Failed@T]` for each of its Jobs,
/// which are listed as active where it says so, or `NAME gone` for one that is listed only. It was made at 600 seconds; now is 1000.
#[test]
fn plans_are_as_told() {
    transcript::check("cronjob.txt", |given| {
        let mut lines = given.lines();
        let mut cron: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        cron["metadata"] = json!({"name": "tick", "creationTimestamp": Time(600)});
        let mut active = Vec::new();
        let jobs: Vec<_> = lines.filter_map(|line| job(line, &mut active)).collect();
        cron["status"]["active"] = json!(active);
        let plan = plan::plan(&serde_json::from_value(cron).unwrap(), &jobs, Time(1000));
        let mut answer: Vec<_> = plan.delete.iter().map(|(name, _)| format!("delete {name}")).collect();
        answer.extend(plan.create.map(|run| format!("create {} for {}", run.name, run.at.0)));
        let active: Vec<_> = plan.status.active.iter().map(|active| active.name.as_str()).collect();
        let (last, success) = (plan.status.last_schedule_time, plan.status.last_successful_time);
        answer.push(format!("active {active:?} last {:?} success {:?}", last.map(|at| at.0), success.map(|at| at.0)));
        answer.extend(plan.events.iter().map(|(_, reason, message)| format!("event {reason}: {message}")));
        answer.extend(plan.look_again.map(|at| format!("look again at {}", at.0)));
        answer.join("\n")
    });
}

fn job(line: &str, active: &mut Vec<Value>) -> Option<super::object::Job> {
    let mut words = line.split(' ');
    let name = words.next().unwrap();
    if line.ends_with(" gone") {
        active.push(json!({"name": name, "uid": name}));
        return None;
    }
    let mut status = json!({});
    for word in words {
        match word.split_once('@') {
            None => active.push(json!({"name": name, "uid": name})),
            Some((end, at)) => {
                let at = Time(at.parse().unwrap());
                status["startTime"] = json!(at);
                status["completionTime"] = json!(at);
                status["conditions"] = json!([{"type": end, "status": "True"}]);
            }
        }
    }
    Some(
        serde_json::from_value(
            json!({"metadata": {"name": name, "uid": name}, "spec": {"parallelism": 1}, "status": status}),
        )
        .unwrap(),
    )
}
