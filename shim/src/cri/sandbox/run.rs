//! RunPodSandbox: gives a pod an address. There is no process and no namespace to make.

use std::net::Ipv4Addr;

use super::{contract, ports};
use crate::cri::error::Error;
use crate::cri::message::{RunPodSandboxRequest, RunPodSandboxResponse};
use crate::cri::record::{Durability, Kind};
use crate::cri::service::{Service, now};
use crate::cri::state::Sandbox;

/// Makes a sandbox that is ready.
pub(in crate::cri) async fn run(service: &Service, req: RunPodSandboxRequest) -> Result<RunPodSandboxResponse, Error> {
    let config = req.config.ok_or_else(|| Error::Invalid("a sandbox needs a config".to_owned()))?;
    if config.metadata.is_none() {
        return Err(Error::Invalid("a sandbox config needs metadata".to_owned()));
    }
    contract::refuse(&config, &req.runtime_handler)?;
    let Some(ip) = service.addresses.lock().take() else {
        return Err(Error::Exhausted("the node's pod network has no free address".to_owned()));
    };
    let mut address = Address { service, ip: Some(ip) };
    let host_ports = ports::open(service, ip, &config.port_mappings).await?;
    let id = service.new_id();
    let sandbox = Sandbox {
        group: Sandbox::group(&id, ip, &config),
        id: id.clone(),
        handler: req.runtime_handler,
        ip,
        config,
        created_at: now(),
        stopped_at: 0,
        host_ports,
        containers: Vec::new(),
    };
    let turn = service.records.turn().await;
    turn.write(Kind::Sandbox, &id, Durability::Kill, || Some(sandbox.record())).await?;
    address.ip = None;
    service.state.lock().sandboxes.insert(id.clone(), sandbox);
    Ok(RunPodSandboxResponse { pod_sandbox_id: id })
}

/// An address that goes back if its sandbox does not come to be.
struct Address<'a> {
    service: &'a Service,
    ip: Option<Ipv4Addr>,
}

// === impl Address ===

impl Drop for Address<'_> {
    fn drop(&mut self) {
        if let Some(ip) = self.ip {
            self.service.addresses.lock().give_back(ip);
        }
    }
}
