//! `authorization.k8s.io/v1`: questions about what somebody may do. They are answered, never stored.

use crate::registry::resource::{Gvk, Resource, Scope, Verb};

/// The group's name.
pub const GROUP: &str = "authorization.k8s.io";

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    use Scope::{Cluster, Namespaced};
    vec![
        new(
            "LocalSubjectAccessReview",
            "localsubjectaccessreviews",
            "authorization/v1.LocalSubjectAccessReview",
            Namespaced,
        ),
        new("SelfSubjectAccessReview", "selfsubjectaccessreviews", "authorization/v1.SelfSubjectAccessReview", Cluster),
        new("SelfSubjectRulesReview", "selfsubjectrulesreviews", "authorization/v1.SelfSubjectRulesReview", Cluster),
        new("SubjectAccessReview", "subjectaccessreviews", "authorization/v1.SubjectAccessReview", Cluster),
    ]
}

fn new(kind: &str, plural: &str, type_name: &'static str, scope: Scope) -> Resource {
    let gvk = Gvk::new(GROUP, "v1", kind);
    Resource { verbs: &[Verb::Create], ..Resource::new(gvk, plural, type_name, scope) }
}
