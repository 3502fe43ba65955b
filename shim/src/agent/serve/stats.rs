//! `/stats/summary`: what the node and its pods use, as metrics collectors read it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::agent::node;
use crate::agent::pod::sandbox::UID_LABEL;
use crate::cri::message::{ContainerStats, ListContainerStatsRequest};

/// One tick of `/proc/stat`.
const TICK_NANOS: u64 = 10_000_000;

/// What the node and its pods use.
pub(super) async fn summary(State(agent): State<Arc<Agent>>) -> Response {
    let measured = agent.cri.list_container_stats(ListContainerStatsRequest { filter: None }).await;
    let measured = match measured {
        Ok(measured) => measured.stats,
        Err(err) => return (StatusCode::INTERNAL_SERVER_ERROR, err.to_string()).into_response(),
    };
    let time = Timestamp::now().to_string();
    let mut by_pod: BTreeMap<String, Vec<ContainerStats>> = BTreeMap::new();
    for stats in measured {
        let uid = stats.attributes.as_ref().and_then(|it| it.labels.get(UID_LABEL)).cloned().unwrap_or_default();
        by_pod.entry(uid).or_default().push(stats);
    }
    let pods: Vec<Value> = by_pod.iter().filter_map(|(uid, stats)| pod(&agent, uid, stats, &time)).collect();
    let used = node::memory_bytes().saturating_sub(node::memory_available_bytes());
    let node = json!({
        "nodeName": agent.config.node_name,
        "cpu": {"time": time, "usageCoreNanoSeconds": cpu_nanos()},
        "memory": {"time": time, "availableBytes": node::memory_available_bytes(), "usageBytes": used, "workingSetBytes": used},
    });
    super::json(json!({"node": node, "pods": pods}).to_string().into())
}

fn pod(agent: &Agent, uid: &str, stats: &[ContainerStats], time: &str) -> Option<Value> {
    let entry = agent.pods.get(uid)?;
    let containers: Vec<Value> = stats
        .iter()
        .map(|it| {
            let name = it.attributes.as_ref().and_then(|it| it.metadata.as_ref()).map(|it| it.name.clone());
            json!({"name": name, "cpu": usage_cpu(cpu(it), time), "memory": usage_memory(memory(it), time)})
        })
        .collect();
    Some(json!({
        "podRef": {"name": entry.name, "namespace": entry.namespace, "uid": uid},
        "containers": containers,
        "cpu": usage_cpu(stats.iter().map(cpu).sum(), time),
        "memory": usage_memory(stats.iter().map(memory).sum(), time),
    }))
}

fn cpu(stats: &ContainerStats) -> u64 {
    stats.cpu.as_ref().and_then(|it| it.usage_core_nano_seconds).map_or(0, |it| it.value)
}

fn memory(stats: &ContainerStats) -> u64 {
    stats.memory.as_ref().and_then(|it| it.working_set_bytes).map_or(0, |it| it.value)
}

fn usage_cpu(nanos: u64, time: &str) -> Value {
    json!({"time": time, "usageCoreNanoSeconds": nanos})
}

fn usage_memory(bytes: u64, time: &str) -> Value {
    json!({"time": time, "usageBytes": bytes, "workingSetBytes": bytes})
}

/// CPU time that the machine has spent on anything.
fn cpu_nanos() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let mut fields =
        text.lines().next().unwrap_or_default().split_whitespace().skip(1).map(|it| it.parse::<u64>().unwrap_or(0));
    // user nice system, then idle and iowait, then irq softirq steal.
    let busy: u64 = fields.by_ref().take(3).sum();
    let interrupts: u64 = fields.skip(2).take(3).sum();
    (busy + interrupts) * TICK_NANOS
}
