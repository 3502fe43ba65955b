//! Plans of Deployments as stories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::{
    plan::{self, Action, Observed},
    sets::{self, Set},
};
use crate::{clock::Time, transcript};

/// Given: the spec of a Deployment in JSON (its template is named by a letter, its status may follow), then one line of
/// JSON per ReplicaSet with its letter, scale and status; now is 1000 seconds.
#[test]
fn plans_are_as_told() {
    transcript::check("deployment.txt", |given| {
        let mut lines = given.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut deployment = lines.next().unwrap();
        deployment["spec"]["template"] = template(&deployment["spec"]["template"]);
        deployment["metadata"]["name"] = "web".into();
        let annotations = sets::annotations(&deployment);
        let deployment = serde_json::from_value(deployment).unwrap();
        let sets = lines.enumerate().map(|(at, line)| set(at, line)).collect();
        let plan = plan::plan(&Observed { deployment, annotations, sets, ..Observed::default() }, Time(1000));
        let mut answer: Vec<String> = plan.actions.iter().map(told).collect();
        answer.extend(plan.revision.map(|revision| format!("revision {revision}")));
        for condition in plan.status.iter().flat_map(|status| &status.conditions) {
            answer.push(format!("{} {} {}", condition.name, condition.status, condition.reason));
        }
        answer.extend(plan.look_again.map(|at| format!("look again in {} s", at.after(Time(1000)).as_secs())));
        answer.join("\n")
    });
}

fn template(letter: &Value) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": letter}]}})
}

fn set(at: usize, line: Value) -> Set {
    let letter = line["template"].as_str().unwrap();
    let mut annotations = json!({sets::REVISION: (at + 1).to_string()});
    if let Some(scale) = line["scale"].as_array() {
        annotations[sets::DESIRED_REPLICAS] = scale[0].to_string().into();
        annotations[sets::MAX_REPLICAS] = scale[1].to_string().into();
    }
    let metadata = json!({
        "name": format!("web-{letter}"), "uid": letter, "annotations": annotations,
        "creationTimestamp": Time(i64::try_from(at).unwrap()),
    });
    let spec = json!({"replicas": line["replicas"], "template": template(&line["template"])});
    Set::read(json!({"metadata": metadata, "spec": spec, "status": line["status"]})).unwrap()
}

fn told(action: &Action) -> String {
    match action {
        Action::Create { object, event } => {
            format!("create with {} ({})", object["spec"]["replicas"], event.is_some())
        }
        Action::Update { name, change, event, .. } => {
            format!("update {name} to {}: {}", change.replicas, event.as_deref().unwrap_or("annotations only"))
        }
        Action::Delete { name, .. } => format!("delete {name}"),
    }
}
