//! `services/proxy` and `nodes/proxy`: what is answered before anything is asked. The way through is not there yet.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;

use crate::error::Failure;
use crate::field::quote;
use crate::object::Fields;
use crate::rest::Call;
use crate::rest::connect::{Endpoint, Handler};

/// The rows.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint { group: "", plural: "services", subresource: "proxy", handler: Arc::new(ServiceProxy) },
        Endpoint { group: "", plural: "nodes", subresource: "proxy", handler: Arc::new(NodeProxy) },
    ]
}

struct ServiceProxy;
struct NodeProxy;

impl Handler for ServiceProxy {
    fn answer<'a>(&'a self, call: &'a Call, _: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let asked = &call.info.name;
            let name = service_name(asked)
                .ok_or_else(|| Failure::bad_request(format!("invalid service request {}", quote(asked))))?;
            let slices = call.server.registry.list("discovery.k8s.io/endpointslices", &call.info.namespace).await?;
            let of_service = slices.iter().filter(|slice| {
                slice.at("metadata.labels").and_then(|l| l.get("kubernetes.io/service-name")) == Some(&name.into())
            });
            if of_service.flat_map(|slice| slice.list_at("endpoints")).next().is_none() {
                return Err(Failure::unavailable(format!("no endpoints available for service {}", quote(name))));
            }
            Err(Failure::not_there_yet("services/proxy"))
        })
    }

    fn takes_path(&self) -> bool {
        true
    }
}

impl Handler for NodeProxy {
    fn answer<'a>(&'a self, call: &'a Call, _: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let name = call.info.name.split(':').next().unwrap_or_default();
            match call.server.registry.get("core/nodes", "", name).await? {
                None => Err(Failure::not_found("", "nodes", name)),
                Some(_) => Err(Failure::not_there_yet("nodes/proxy")),
            }
        })
    }

    fn takes_path(&self) -> bool {
        true
    }
}

/// The name in `name`, `name:port` or `scheme:name:port`.
fn service_name(asked: &str) -> Option<&str> {
    let parts: Vec<&str> = asked.split(':').collect();
    match parts.as_slice() {
        [name] | [name, _] => Some(name),
        ["http" | "https" | "", name, _] => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_may_be_named_with_scheme_and_port() {
        for (asked, name) in [("s", Some("s")), ("s:http", Some("s")), ("https:s:http", Some("s")), ("ftp:s:x", None)] {
            assert_eq!(service_name(asked), name, "{asked}");
        }
    }
}
