//! UpdateContainerResources: changes a container's limits, at once if it runs.

use super::contract;
use super::spec::{cpu_millis, cpu_shares, memory_bytes};
use crate::cri::error::Error;
use crate::cri::message::{LinuxContainerResources, UpdateContainerResourcesRequest, UpdateContainerResourcesResponse};
use crate::cri::record::{Durability, Kind};
use crate::cri::service::Service;
use crate::cri::state::{Container, Program};

/// Changes what a container may use.
pub(in crate::cri) async fn update(
    service: &Service,
    req: UpdateContainerResourcesRequest,
) -> Result<UpdateContainerResourcesResponse, Error> {
    if req.windows.is_some() {
        return Err(Error::Invalid("resources for Windows are not supported: this is no Windows".to_owned()));
    }
    let asked = req.linux.unwrap_or_default();
    contract::refuse_resources(&asked)?;
    let turn = service.records.turn().await;
    {
        let mut state = service.state.lock();
        let container = state.container_mut(&req.container_id)?;
        if matches!(container.program, Program::Starting) {
            return Err(Error::State("the container is being started; try again".to_owned()));
        }
        container.resources = merged(&container.resources, asked);
        let resources = &container.resources;
        match &mut container.program {
            Program::Ready(ready) => {
                let (spec, _) = &mut **ready;
                spec.memory_bytes_max = memory_bytes(resources);
                spec.cpu_millis_max = cpu_millis(resources);
                spec.cpu_shares = cpu_shares(resources);
            }
            Program::Started(instance) => {
                instance.set_limits(memory_bytes(resources), cpu_millis(resources));
                instance.set_cpu_shares(cpu_shares(resources));
            }
            Program::Starting | Program::Gone => {}
        }
    }
    let record = || service.state.lock().containers.get(&req.container_id).map(Container::record);
    turn.write(Kind::Container, &req.container_id, Durability::Kill, record).await?;
    Ok(UpdateContainerResourcesResponse {})
}

/// What is 0 or empty stays as it was.
fn merged(old: &LinuxContainerResources, new: LinuxContainerResources) -> LinuxContainerResources {
    let number = |new: i64, old: i64| if new == 0 { old } else { new };
    LinuxContainerResources {
        cpu_period: number(new.cpu_period, old.cpu_period),
        cpu_quota: number(new.cpu_quota, old.cpu_quota),
        cpu_shares: number(new.cpu_shares, old.cpu_shares),
        memory_limit_in_bytes: number(new.memory_limit_in_bytes, old.memory_limit_in_bytes),
        oom_score_adj: number(new.oom_score_adj, old.oom_score_adj),
        memory_swap_limit_in_bytes: number(new.memory_swap_limit_in_bytes, old.memory_swap_limit_in_bytes),
        hugepage_limits: if new.hugepage_limits.is_empty() { old.hugepage_limits.clone() } else { new.hugepage_limits },
        unified: if new.unified.is_empty() { old.unified.clone() } else { new.unified },
        cpuset_cpus: String::new(),
        cpuset_mems: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays() {
        let old = LinuxContainerResources { cpu_quota: 1000, memory_limit_in_bytes: 64, ..Default::default() };
        let new = LinuxContainerResources { cpu_quota: -1, cpu_shares: 512, ..Default::default() };
        let wanted =
            LinuxContainerResources { cpu_quota: -1, cpu_shares: 512, memory_limit_in_bytes: 64, ..Default::default() };
        assert_eq!(merged(&old, new), wanted);
    }
}
