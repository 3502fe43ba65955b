//! ContainerStats and ListContainerStats: what programs use, exact to the byte.

use crate::cri::error::Error;
use crate::cri::message::{
    ContainerAttributes, ContainerStats, ContainerStatsRequest, ContainerStatsResponse, CpuUsage, FilesystemIdentifier,
    FilesystemUsage, ListContainerStatsRequest, ListContainerStatsResponse, MemoryUsage, UInt64Value,
};
use crate::cri::service::{Service, now};
use crate::cri::state::{Container, Program, selects};

/// Measures one container.
pub(in crate::cri) fn stats(service: &Service, req: ContainerStatsRequest) -> Result<ContainerStatsResponse, Error> {
    let state = service.state.lock();
    Ok(ContainerStatsResponse { stats: Some(measure(service, state.container(&req.container_id)?, now())) })
}

/// Measures the containers that run and match.
pub(in crate::cri) fn list_stats(
    service: &Service,
    req: ListContainerStatsRequest,
) -> Result<ListContainerStatsResponse, Error> {
    let filter = req.filter.unwrap_or_default();
    let state = service.state.lock();
    let matches = |it: &&Container| {
        it.is_running()
            && it.id.starts_with(&filter.id)
            && it.sandbox_id.starts_with(&filter.pod_sandbox_id)
            && selects(&filter.label_selector, &it.labels)
    };
    let now = now();
    Ok(ListContainerStatsResponse {
        stats: state.containers.values().filter(matches).map(|it| measure(service, it, now)).collect(),
    })
}

/// What one container uses now, or had used when it ended.
pub(in crate::cri) fn measure(service: &Service, container: &Container, timestamp: i64) -> ContainerStats {
    let used = match &container.program {
        Program::Started(instance) => instance.stats(),
        Program::Ready(_) | Program::Starting | Program::Gone => runtime::Stats::default(),
    };
    let count = |value| Some(UInt64Value { value });
    let memory = count(used.memory_bytes);
    let limit = u64::try_from(container.resources.memory_limit_in_bytes).ok().filter(|it| *it != 0);
    ContainerStats {
        attributes: Some(ContainerAttributes {
            id: container.id.clone(),
            metadata: Some(container.metadata.clone()),
            labels: container.labels.clone(),
            annotations: container.annotations.clone(),
        }),
        cpu: Some(CpuUsage { timestamp, usage_core_nano_seconds: count(used.cpu_nanos), ..Default::default() }),
        memory: Some(MemoryUsage {
            timestamp,
            working_set_bytes: memory,
            available_bytes: limit.and_then(|limit| count(limit.saturating_sub(used.memory_bytes))),
            usage_bytes: memory,
            rss_bytes: memory,
            ..Default::default()
        }),
        writable_layer: Some(nothing_written(service, timestamp)),
        ..Default::default()
    }
}

/// A program has no layer of its own to write to: what it writes goes to its mounts.
fn nothing_written(service: &Service, timestamp: i64) -> FilesystemUsage {
    FilesystemUsage {
        timestamp,
        fs_id: Some(FilesystemIdentifier { mountpoint: service.runtime.images().dir().display().to_string() }),
        used_bytes: Some(UInt64Value::default()),
        inodes_used: Some(UInt64Value::default()),
    }
}
