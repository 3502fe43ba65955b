//! `networking.k8s.io/v1`: who may talk to whom, and how the outside comes in.

mod ingress;
mod ingress_class;
mod network_policy;

use crate::registry::resource::{Gvk, Resource, Scope};

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![ingress::row(), ingress_class::row(), network_policy::row()]
}

fn new(kind: &str, plural: &str, type_name: &'static str, scope: Scope) -> Resource {
    Resource::new(Gvk::new("networking.k8s.io", "v1", kind), plural, type_name, scope)
}
