//! Defaults that pods have beyond those of their spec (`SetDefaults_Pod`), and status fields that follow each other.

use serde_json::{Map, Value, json};

use crate::object::Fields;
use crate::resources::pod_template;
use crate::resources::pod_template::resources::{aggregate, is_pod_level};
use crate::validation::quantity::is_overcommit_allowed;
use crate::validation::{entries, is_given};

/// Defaults of a pod.
pub(super) fn pod(pod: &mut Value) {
    pod.set_default("spec", json!({}));
    pod.set_default("status", json!({}));
    if let Some(spec) = pod.at_mut("spec") {
        pod_template::default::spec(spec);
        for list in ["containers", "initContainers"] {
            pod_template::default::each_mut(spec, list, requests_from_limits);
        }
        pod_requests(spec);
        spec.set_default("enableServiceLinks", true);
        if spec.bool_at("hostNetwork") {
            for list in ["containers", "initContainers"] {
                pod_template::default::each_mut(spec, list, |container| {
                    pod_template::default::each_mut(container, "ports", host_port);
                });
            }
        }
    }
    addresses(pod);
}

/// A resource that is limited and not asked for is asked for in full.
fn requests_from_limits(container: &mut Value) {
    let limits = container.at("resources.limits").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, limit) in limits {
        let requests = requests_mut(container, "resources.requests");
        requests.entry(name).or_insert(limit);
    }
}

/// With limits of the pod as a whole, it asks for what its containers ask for, and else for its limits.
fn pod_requests(spec: &mut Value) {
    if !is_given(spec.at("resources.limits")) {
        return;
    }
    let of_containers = aggregate(spec, "requests");
    let limits: Vec<(String, Value)> =
        entries(spec.at("resources.limits")).map(|(name, limit)| (name.clone(), limit.clone())).collect();
    let requests = requests_mut(spec, "resources.requests");
    for (name, sum) in of_containers {
        if is_pod_level(&name) && is_overcommit_allowed(&name) {
            requests.entry(name).or_insert_with(|| sum.to_string().into());
        }
    }
    for (name, limit) in limits {
        if is_pod_level(&name) {
            requests.entry(name).or_insert(limit);
        }
    }
}

fn requests_mut<'a>(value: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    value.set_default(path, json!({}));
    crate::object::as_map(value.at_mut(path).expect("it was set just now"))
}

fn host_port(port: &mut Value) {
    if port.i64_at("hostPort").unwrap_or(0) == 0
        && let Some(number) = port.i64_at("containerPort")
    {
        port.set("hostPort", number);
    }
}

/// `podIP` is the first of `podIPs`: an old client writes the one, a new one the other, and the old field wins.
fn addresses(pod: &mut Value) {
    let Some(status) = pod.at_mut("status") else { return };
    let first = status.list_at("podIPs").first().map_or("", |ip| ip.str_at("ip")).to_owned();
    let single = status.str_at("podIP").to_owned();
    if single.is_empty() && !first.is_empty() {
        status.set("podIP", first);
    } else if !single.is_empty() && single != first {
        status.set("podIPs", json!([{"ip": single}]));
    }
}
