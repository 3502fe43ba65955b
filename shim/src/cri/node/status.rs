//! Status: whether pods can run, and what they may ask for.

use std::collections::HashMap;

use crate::cri::message::{
    RuntimeCondition, RuntimeFeatures, RuntimeHandler, RuntimeHandlerFeatures, RuntimeStatus, StatusRequest,
    StatusResponse,
};
use crate::cri::sandbox::HANDLERS;
use crate::cri::service::Service;

/// Programs run in this very process and have their addresses from it: while it answers, both conditions hold.
pub(in crate::cri) fn status(service: &Service, req: &StatusRequest) -> StatusResponse {
    let holds = |name: &str| RuntimeCondition { r#type: name.to_owned(), status: true, ..Default::default() };
    let handler = |name: &str| RuntimeHandler {
        name: name.to_owned(),
        // The host says no to every write through a read-only mount, whatever is mounted below it.
        features: Some(RuntimeHandlerFeatures { recursive_read_only_mounts: true, user_namespaces: false }),
    };
    StatusResponse {
        status: Some(RuntimeStatus { conditions: vec![holds("RuntimeReady"), holds("NetworkReady")] }),
        info: if req.verbose { info(service) } else { HashMap::new() },
        runtime_handlers: HANDLERS.into_iter().map(handler).collect(),
        features: Some(RuntimeFeatures::default()),
    }
}

/// Our configuration, and how full we are, as JSON.
fn info(service: &Service) -> HashMap<String, String> {
    let (sandboxes, containers) = {
        let state = service.state.lock();
        (state.sandboxes.len(), state.containers.len())
    };
    let counts = serde_json::json!({
        "sandboxes": sandboxes,
        "containers": containers,
        "programs": service.runtime.programs(),
        "programsMax": service.runtime.programs_max(),
    });
    [("config".to_owned(), service.config().to_owned()), ("counts".to_owned(), counts.to_string())].into()
}
