//! ListPodSandbox: the sandboxes that a filter matches.

use crate::cri::error::Error;
use crate::cri::message::{ListPodSandboxRequest, ListPodSandboxResponse, PodSandbox};
use crate::cri::service::Service;
use crate::cri::state::{Sandbox, selects};

/// Lists sandboxes.
pub(in crate::cri) fn list(service: &Service, req: ListPodSandboxRequest) -> Result<ListPodSandboxResponse, Error> {
    let filter = req.filter.unwrap_or_default();
    let state = service.state.lock();
    let matches = |it: &&Sandbox| {
        it.id.starts_with(&filter.id)
            && filter.state.as_ref().is_none_or(|wanted| wanted.state == i32::from(it.state()))
            && selects(&filter.label_selector, &it.config.labels)
    };
    Ok(ListPodSandboxResponse { items: state.sandboxes.values().filter(matches).map(row).collect() })
}

fn row(sandbox: &Sandbox) -> PodSandbox {
    PodSandbox {
        id: sandbox.id.clone(),
        metadata: sandbox.config.metadata.clone(),
        state: sandbox.state().into(),
        created_at: sandbox.created_at,
        labels: sandbox.config.labels.clone(),
        annotations: sandbox.config.annotations.clone(),
        runtime_handler: sandbox.handler.clone(),
    }
}
