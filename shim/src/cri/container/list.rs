//! ListContainers: the containers that a filter matches.

use crate::cri::error::Error;
use crate::cri::message::{self, ListContainersRequest, ListContainersResponse};
use crate::cri::service::Service;
use crate::cri::state::{Container, selects};

/// Lists containers.
pub(in crate::cri) fn list(service: &Service, req: ListContainersRequest) -> Result<ListContainersResponse, Error> {
    let filter = req.filter.unwrap_or_default();
    let state = service.state.lock();
    let matches = |it: &&Container| {
        it.id.starts_with(&filter.id)
            && it.sandbox_id.starts_with(&filter.pod_sandbox_id)
            && filter.state.as_ref().is_none_or(|wanted| wanted.state == i32::from(it.state()))
            && selects(&filter.label_selector, &it.labels)
    };
    Ok(ListContainersResponse { containers: state.containers.values().filter(matches).map(row).collect() })
}

fn row(container: &Container) -> message::Container {
    message::Container {
        id: container.id.clone(),
        pod_sandbox_id: container.sandbox_id.clone(),
        metadata: Some(container.metadata.clone()),
        image: Some(container.image.clone()),
        image_ref: container.image_id.clone(),
        state: container.state().into(),
        created_at: container.created_at,
        labels: container.labels.clone(),
        annotations: container.annotations.clone(),
        image_id: container.image_id.clone(),
    }
}
