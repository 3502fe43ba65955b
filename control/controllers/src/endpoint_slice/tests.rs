//! Plans of EndpointSlices as stories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::plan::{self, Observed, Slice};
use crate::{clock::Time, transcript, view::pod::Pod};

/// Given: a Service in JSON, then `pod NAME IP [ready] [deleting] [nonode] [port=N]` and `slice NAME PORT POD…`.
#[test]
fn plans_are_as_told() {
    transcript::check("endpointslice.txt", |given| {
        let mut lines = given.lines();
        let mut service: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        service["metadata"] = json!({"name": "web", "namespace": "ns", "uid": "s"});
        let service = serde_json::from_value(service).unwrap();
        let (pods, slices): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("pod "));
        let pods: Vec<Arc<Pod>> = pods.into_iter().flat_map(many).map(|line| pod(&line)).collect();
        let slices = slices.into_iter().map(slice).collect();
        let zones = [("n".into(), "".into())].into();
        let observed = Observed { service: &service, pods: &pods, zones: &zones, slices, trigger: Some(Time(0)) };
        let plan = plan::plan(&observed);
        let mut answer: Vec<String> = plan.create.iter().map(|object| format!("create {}", told(object))).collect();
        answer.extend(plan.update.iter().map(|(name, object)| format!("update {name}: {}", told(object))));
        answer.extend(plan.delete.iter().map(|name| format!("delete {name}")));
        answer.join("\n")
    });
}

/// `pod a..250 …` stands for 250 pods.
fn many(line: &str) -> Vec<String> {
    match line.split_once("..") {
        None => vec![line.to_owned()],
        Some((start, rest)) => {
            let (count, rest) = rest.split_once(' ').unwrap();
            (0..count.parse().unwrap()).map(|at| format!("{start}{at:03} {rest}")).collect()
        }
    }
}

fn pod(line: &str) -> Arc<Pod> {
    let words: Vec<_> = line.split(' ').collect();
    let has = |word: &str| words.contains(&word);
    let port = words.iter().find_map(|word| word.strip_prefix("port=")).map(|port| port.parse::<u16>().unwrap());
    let ports: Vec<_> =
        port.into_iter().map(|port| json!({"name": "http", "containerPort": port, "protocol": "TCP"})).collect();
    let mut pod = json!({
        "metadata": {"name": words[1], "namespace": "ns", "uid": words[1]},
        "spec": {"nodeName": if has("nonode") { "" } else { "n" }, "containers": [{"ports": ports}]},
        "status": {"phase": "Running", "podIPs": [{"ip": words[2]}]},
    });
    pod["status"]["conditions"] = json!([{"type": "Ready", "status": if has("ready") { "True" } else { "False" }}]);
    if has("deleting") {
        pod["metadata"]["deletionTimestamp"] = json!(Time(1));
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn slice(line: &str) -> Slice {
    let words: Vec<_> = line.split(' ').collect();
    let endpoints: Vec<_> = words[3..].iter().map(|pod| json!({"targetRef": {"uid": pod}})).collect();
    let ports = match words[2] {
        "none" => Value::Null,
        port => json!([{"name": "", "port": port.parse::<u16>().unwrap(), "protocol": "TCP"}]),
    };
    let object = json!({"metadata": {"name": words[1]}, "addressType": "IPv4", "endpoints": endpoints, "ports": ports});
    serde_json::from_value::<Slice>(object).unwrap().read()
}

fn told(object: &Value) -> String {
    let endpoints = object["endpoints"].as_array().cloned().unwrap_or_default();
    let one = |endpoint: &Value| {
        let conditions = &endpoint["conditions"];
        let said =
            ["ready", "serving", "terminating"].map(|name| if conditions[name] == true { &name[..1] } else { "-" });
        format!("{}({})", endpoint["targetRef"]["name"].as_str().unwrap(), said.concat())
    };
    let ports: Vec<_> = object["ports"].as_array().into_iter().flatten().map(|port| port["port"].to_string()).collect();
    match endpoints.len() {
        0 => "empty".to_owned(),
        count @ 6.. => format!("{} with {count} endpoints", ports.join(",")),
        _ => format!("{} with {}", ports.join(","), endpoints.iter().map(one).collect::<Vec<_>>().join(" ")),
    }
}
