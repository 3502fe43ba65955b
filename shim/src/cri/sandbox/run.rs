//! RunPodSandbox: gives a pod an address. There is no process and no namespace to make.

use std::sync::Arc;

use runtime::Group;

use crate::cri::error::Error;
use crate::cri::message::{NamespaceMode, PodSandboxConfig, RunPodSandboxRequest, RunPodSandboxResponse};
use crate::cri::service::{Service, now};
use crate::cri::state::Sandbox;

/// Makes a sandbox that is ready.
pub(in crate::cri) fn run(service: &Service, req: RunPodSandboxRequest) -> Result<RunPodSandboxResponse, Error> {
    let config = req.config.ok_or_else(|| Error::Invalid("a sandbox needs a config".to_owned()))?;
    let Some(metadata) = &config.metadata else {
        return Err(Error::Invalid("a sandbox config needs metadata".to_owned()));
    };
    refuse_unsupported(&config, &req.runtime_handler)?;
    let Some(ip) = service.addresses.lock().take() else {
        return Err(Error::Exhausted("the node's pod network has no free address".to_owned()));
    };
    let id = service.new_id();
    let group = Arc::new(Group {
        id: id.clone(),
        ip: ip.into(),
        namespace: metadata.namespace.clone(),
        hostname: config.hostname.clone(),
    });
    let sandbox = Sandbox {
        id: id.clone(),
        handler: req.runtime_handler,
        ip,
        group,
        config,
        created_at: now(),
        stopped_at: 0,
        containers: Vec::new(),
    };
    service.state.lock().sandboxes.insert(id.clone(), sandbox);
    Ok(RunPodSandboxResponse { pod_sandbox_id: id })
}

/// What a sandbox in one process cannot be.
fn refuse_unsupported(config: &PodSandboxConfig, handler: &str) -> Result<(), Error> {
    let refuse =
        |what: &str| Err(Error::Invalid(format!("{what} is not supported: a sandbox is not a Linux namespace")));
    if !handler.is_empty() {
        return Err(Error::Invalid(format!("no runtime for `{handler}` is configured")));
    }
    let Some(linux) = &config.linux else { return Ok(()) };
    if !linux.sysctls.is_empty() {
        return refuse("a sysctl");
    }
    let Some(security) = &linux.security_context else { return Ok(()) };
    if security.privileged {
        return refuse("privileged");
    }
    let Some(options) = &security.namespace_options else { return Ok(()) };
    let node = i32::from(NamespaceMode::Node);
    match (options.network == node, options.pid == node, options.ipc == node) {
        (true, _, _) => refuse("hostNetwork"),
        (_, true, _) => refuse("hostPID"),
        (_, _, true) => refuse("hostIPC"),
        (false, false, false) => Ok(()),
    }
}
