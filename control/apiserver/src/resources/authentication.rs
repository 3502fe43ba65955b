//! `authentication.k8s.io/v1`: questions about who somebody is. They are answered, never stored.

use crate::registry::resource::{Gvk, Resource, Scope, Verb};

/// The group's name.
pub const GROUP: &str = "authentication.k8s.io";

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![
        new("SelfSubjectReview", "selfsubjectreviews", "authentication/v1.SelfSubjectReview"),
        new("TokenReview", "tokenreviews", "authentication/v1.TokenReview"),
    ]
}

fn new(kind: &str, plural: &str, type_name: &'static str) -> Resource {
    let gvk = Gvk::new(GROUP, "v1", kind);
    Resource { verbs: &[Verb::Create], ..Resource::new(gvk, plural, type_name, Scope::Cluster) }
}
