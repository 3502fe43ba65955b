//! ListMetricDescriptors and ListPodSandboxMetrics: what we can tell of a container exactly, under the names that
//! cAdvisor made common. What only a cgroup or a network interface knows is left out, not answered with zeros.

use super::container::measure;
use super::message::{
    ContainerMetrics, ContainerStats, ListMetricDescriptorsResponse, ListPodSandboxMetricsResponse, Metric,
    MetricDescriptor, MetricType, PodSandboxMetrics, PodSandboxState, UInt64Value,
};
use super::service::{Service, now};
use super::state::{Container, Sandbox, State};

/// The labels of every metric, in this order.
const LABELS: [&str; 6] = ["container", "id", "image", "name", "namespace", "pod"];
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// One metric.
struct Row {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    value: fn(&Container, &ContainerStats) -> Option<u64>,
}

const ROWS: &[Row] = &[
    Row {
        name: "container_cpu_usage_seconds_total",
        help: "CPU time used, in seconds.",
        kind: MetricType::Counter,
        value: |_, stats| Some(stats.cpu.as_ref()?.usage_core_nano_seconds?.value / NANOS_PER_SECOND),
    },
    Row {
        name: "container_memory_usage_bytes",
        help: "Memory used, in bytes.",
        kind: MetricType::Gauge,
        value: |_, stats| Some(stats.memory.as_ref()?.usage_bytes?.value),
    },
    Row {
        name: "container_memory_working_set_bytes",
        help: "Memory that it cannot do without, in bytes.",
        kind: MetricType::Gauge,
        value: |_, stats| Some(stats.memory.as_ref()?.working_set_bytes?.value),
    },
    Row {
        name: "container_memory_rss",
        help: "Memory that it has touched, in bytes.",
        kind: MetricType::Gauge,
        value: |_, stats| Some(stats.memory.as_ref()?.rss_bytes?.value),
    },
    Row {
        name: "container_oom_events_total",
        help: "How often it ended for want of memory.",
        kind: MetricType::Counter,
        value: |it, _| Some(u64::from(it.reason == "OOMKilled")),
    },
    Row {
        name: "container_processes",
        help: "Programs that run in it.",
        kind: MetricType::Gauge,
        value: |it, _| Some(u64::from(it.is_running())),
    },
    Row {
        name: "container_start_time_seconds",
        help: "When it started, in seconds since 1970.",
        kind: MetricType::Gauge,
        value: |it, _| seconds(it.started_at),
    },
    Row {
        name: "container_last_seen",
        help: "When it was measured, in seconds since 1970.",
        kind: MetricType::Gauge,
        value: |_, stats| seconds(stats.cpu.as_ref()?.timestamp),
    },
    Row {
        name: "container_spec_cpu_period",
        help: "The period of its CPU quota, in microseconds.",
        kind: MetricType::Gauge,
        value: |it, _| limit(it.resources.cpu_period),
    },
    Row {
        name: "container_spec_cpu_quota",
        help: "Its CPU time in a period, in microseconds.",
        kind: MetricType::Gauge,
        value: |it, _| limit(it.resources.cpu_quota),
    },
    Row {
        name: "container_spec_cpu_shares",
        help: "Its part of the CPU when others want it too.",
        kind: MetricType::Gauge,
        value: |it, _| limit(it.resources.cpu_shares),
    },
    Row {
        name: "container_spec_memory_limit_bytes",
        help: "Its memory limit, in bytes; 0 is none.",
        kind: MetricType::Gauge,
        value: |it, _| u64::try_from(it.resources.memory_limit_in_bytes).ok(),
    },
];

/// Which metrics there are.
pub(super) fn descriptors() -> ListMetricDescriptorsResponse {
    let descriptor = |row: &Row| MetricDescriptor {
        name: row.name.to_owned(),
        help: row.help.to_owned(),
        label_keys: LABELS.map(str::to_owned).into(),
    };
    ListMetricDescriptorsResponse { descriptors: ROWS.iter().map(descriptor).collect() }
}

/// The metrics of the sandboxes that are ready.
pub(super) fn list(service: &Service) -> ListPodSandboxMetricsResponse {
    let state = service.state.lock();
    let ready = state.sandboxes.values().filter(|it| it.state() == PodSandboxState::SandboxReady);
    ListPodSandboxMetricsResponse { pod_metrics: ready.map(|it| of_sandbox(service, &state, it)).collect() }
}

fn of_sandbox(service: &Service, state: &State, sandbox: &Sandbox) -> PodSandboxMetrics {
    let now = now();
    let started = state.containers_in(sandbox).filter(|it| it.started_at != 0);
    let of_container = |it: &Container| ContainerMetrics {
        container_id: it.id.clone(),
        metrics: of_container(it, &measure(service, it, now), &labels(sandbox, it)),
    };
    PodSandboxMetrics {
        pod_sandbox_id: sandbox.id.clone(),
        // A sandbox is nothing apart from its containers.
        metrics: Vec::new(),
        container_metrics: started.map(of_container).collect(),
    }
}

fn of_container(container: &Container, stats: &ContainerStats, labels: &[String]) -> Vec<Metric> {
    let timestamp = stats.cpu.as_ref().map_or(0, |it| it.timestamp);
    let metric = |row: &Row| {
        Some(Metric {
            name: row.name.to_owned(),
            timestamp,
            metric_type: row.kind.into(),
            label_values: labels.to_vec(),
            value: Some(UInt64Value { value: (row.value)(container, stats)? }),
        })
    };
    ROWS.iter().filter_map(metric).collect()
}

/// The values of `LABELS`.
fn labels(sandbox: &Sandbox, container: &Container) -> Vec<String> {
    let pod = sandbox.config.metadata.clone().unwrap_or_default();
    let (name, id) = (container.metadata.name.clone(), container.id.clone());
    let values: [String; LABELS.len()] = [name, id.clone(), container.image.image.clone(), id, pod.namespace, pod.name];
    values.into()
}

fn seconds(nanos: i64) -> Option<u64> {
    u64::try_from(nanos).ok().filter(|it| *it != 0).map(|it| it / NANOS_PER_SECOND)
}

fn limit(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|it| *it != 0)
}
