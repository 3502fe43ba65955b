//! PodSandboxStats and ListPodSandboxStats: sums over what a sandbox's containers use.

use crate::cri::container::measure;
use crate::cri::error::Error;
use crate::cri::message::{
    ContainerStats, CpuUsage, LinuxPodSandboxStats, ListPodSandboxStatsRequest, ListPodSandboxStatsResponse,
    MemoryUsage, PodSandboxAttributes, PodSandboxState, PodSandboxStats, PodSandboxStatsRequest,
    PodSandboxStatsResponse, ProcessUsage, UInt64Value,
};
use crate::cri::service::{Service, now};
use crate::cri::state::{Container, Sandbox, State, selects};

/// Measures one sandbox.
pub(in crate::cri) fn stats(service: &Service, req: PodSandboxStatsRequest) -> Result<PodSandboxStatsResponse, Error> {
    let state = service.state.lock();
    let sandbox = state.sandbox(&req.pod_sandbox_id)?;
    Ok(PodSandboxStatsResponse { stats: Some(sum(service, &state, sandbox, now())) })
}

/// Measures the sandboxes that are ready and match.
pub(in crate::cri) fn list_stats(service: &Service, req: ListPodSandboxStatsRequest) -> ListPodSandboxStatsResponse {
    let filter = req.filter.unwrap_or_default();
    let state = service.state.lock();
    let matches = |it: &&Sandbox| {
        it.state() == PodSandboxState::SandboxReady
            && it.id.starts_with(&filter.id)
            && selects(&filter.label_selector, &it.config.labels)
    };
    let now = now();
    let stats = state.sandboxes.values().filter(matches).map(|it| sum(service, &state, it, now)).collect();
    ListPodSandboxStatsResponse { stats }
}

fn sum(service: &Service, state: &State, sandbox: &Sandbox, timestamp: i64) -> PodSandboxStats {
    let running = state.containers_in(sandbox).filter(|it| it.is_running());
    let containers: Vec<ContainerStats> = running.map(|it: &Container| measure(service, it, timestamp)).collect();
    let total = |of: fn(&ContainerStats) -> Option<UInt64Value>| {
        Some(UInt64Value { value: containers.iter().filter_map(of).map(|it| it.value).sum() })
    };
    let memory = total(|it| it.memory.as_ref()?.working_set_bytes);
    PodSandboxStats {
        attributes: Some(PodSandboxAttributes {
            id: sandbox.id.clone(),
            metadata: sandbox.config.metadata.clone(),
            labels: sandbox.config.labels.clone(),
            annotations: sandbox.config.annotations.clone(),
        }),
        linux: Some(LinuxPodSandboxStats {
            cpu: Some(CpuUsage {
                timestamp,
                usage_core_nano_seconds: total(|it| it.cpu.as_ref()?.usage_core_nano_seconds),
                ..Default::default()
            }),
            memory: Some(MemoryUsage {
                timestamp,
                working_set_bytes: memory,
                usage_bytes: memory,
                rss_bytes: memory,
                ..Default::default()
            }),
            process: Some(ProcessUsage {
                timestamp,
                process_count: Some(UInt64Value { value: containers.len() as u64 }),
            }),
            containers,
            ..Default::default()
        }),
        windows: None,
    }
}
