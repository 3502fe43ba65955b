//! `rbac.authorization.k8s.io/v1`: roles, which say what may be done, and bindings, which say who may.

mod binding;
mod role;

use crate::registry::resource::{Gvk, Resource, Scope};

/// The group's name, which is also the API group of users, groups and roles.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![role::cluster_row(), binding::cluster_row(), role::row(), binding::row()]
}

fn new(kind: &str, plural: &str, type_name: &'static str, scope: Scope) -> Resource {
    // PUT has always created these: `kubectl auth reconcile` counts on it.
    Resource { create_on_update: true, ..Resource::new(Gvk::new(GROUP, "v1", kind), plural, type_name, scope) }
}
