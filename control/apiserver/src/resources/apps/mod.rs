//! `apps/v1`: what keeps pods running.

pub mod deployment;
pub mod replica_set;
pub mod scale;
pub mod workload;

use crate::registry::resource::{Gvk, Resource, Scope};

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![deployment::row(), replica_set::row()]
}

fn new(kind: &str, plural: &str, type_name: &'static str) -> Resource {
    Resource::new(Gvk::new("apps", "v1", kind), plural, type_name, Scope::Namespaced)
}
