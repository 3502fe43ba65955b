//! The core group, `v1`.

mod component_status;
pub mod config_map;
mod data;
pub mod endpoints;
pub mod event;
mod limit_range;
pub mod namespace;
pub mod node;
pub mod pod;
pub mod pod_template;
pub mod proxy;
mod replication_controller;
mod resource_quota;
pub mod secret;
pub mod service;
pub mod service_account;
mod volume;

pub(crate) use volume::class_of as class_of_volume;

use crate::registry::resource::{Gvk, Resource, Scope};
use crate::rest::connect::Endpoint;

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![
        pod::bindings_row(),
        component_status::row(),
        config_map::row(),
        endpoints::row(),
        event::row(),
        limit_range::row(),
        namespace::row(),
        node::row(),
        volume::claim_row(),
        volume::volume_row(),
        pod::row(),
        pod_template::row(),
        replication_controller::row(),
        resource_quota::row(),
        secret::row(),
        service::row(),
        service_account::row(),
    ]
}

/// The paths of this group that compute their answer.
pub fn endpoints() -> Vec<Endpoint> {
    [pod::endpoint::endpoints(), proxy::endpoints()].into_iter().flatten().collect()
}

fn new(kind: &str, plural: &str, type_name: &'static str, scope: Scope) -> Resource {
    Resource::new(Gvk::new("", "v1", kind), plural, type_name, scope)
}
