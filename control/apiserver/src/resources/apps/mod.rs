//! `apps/v1`: what keeps pods running.

pub mod controller_revision;
pub mod daemon_set;
pub mod deployment;
pub mod replica_set;
pub mod stateful_set;
pub mod workload;

use crate::registry::resource::{Gvk, Resource, Scope};

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![controller_revision::row(), daemon_set::row(), deployment::row(), replica_set::row(), stateful_set::row()]
}

fn new(kind: &str, plural: &str, type_name: &'static str) -> Resource {
    Resource::new(Gvk::new("apps", "v1", kind), plural, type_name, Scope::Namespaced)
}
