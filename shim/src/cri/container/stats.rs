//! ContainerStats and ListContainerStats: what programs use, exact to the byte.

use crate::cri::error::Error;
use crate::cri::message::{
    ContainerAttributes, ContainerStats, ContainerStatsRequest, ContainerStatsResponse, CpuUsage,
    ListContainerStatsRequest, ListContainerStatsResponse, MemoryUsage, UInt64Value,
};
use crate::cri::service::{Service, now};
use crate::cri::state::{Container, Program, selects};

/// Measures one container.
pub(in crate::cri) fn stats(service: &Service, req: ContainerStatsRequest) -> Result<ContainerStatsResponse, Error> {
    let state = service.state.lock();
    Ok(ContainerStatsResponse { stats: Some(measure(state.container(&req.container_id)?, now())) })
}

/// Measures the containers that run and match.
pub(in crate::cri) fn list_stats(
    service: &Service,
    req: ListContainerStatsRequest,
) -> Result<ListContainerStatsResponse, Error> {
    let filter = req.filter.unwrap_or_default();
    let state = service.state.lock();
    let matches = |it: &&Container| {
        it.finished_at == 0
            && it.started_at != 0
            && it.id.starts_with(&filter.id)
            && it.sandbox_id.starts_with(&filter.pod_sandbox_id)
            && selects(&filter.label_selector, &it.labels)
    };
    let now = now();
    Ok(ListContainerStatsResponse {
        stats: state.containers.values().filter(matches).map(|it| measure(it, now)).collect(),
    })
}

fn measure(container: &Container, timestamp: i64) -> ContainerStats {
    let used = match &container.program {
        Program::Started(instance) => instance.stats(),
        Program::Ready(_) | Program::Starting | Program::Failed => runtime::Stats::default(),
    };
    let memory = Some(UInt64Value { value: used.memory_bytes });
    ContainerStats {
        attributes: Some(ContainerAttributes {
            id: container.id.clone(),
            metadata: Some(container.metadata.clone()),
            labels: container.labels.clone(),
            annotations: container.annotations.clone(),
        }),
        cpu: Some(CpuUsage { timestamp, usage_core_nano_seconds: Some(UInt64Value { value: used.cpu_nanos }) }),
        memory: Some(MemoryUsage { timestamp, working_set_bytes: memory, usage_bytes: memory }),
    }
}
