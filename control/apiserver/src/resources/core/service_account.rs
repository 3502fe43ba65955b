//! ServiceAccount: an identity for pods. Almost everything in it is free.

use serde_json::Value;

use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Resource, Scope, Subresource, Verb};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::age;

const ENFORCE_MOUNTABLE: &str = "kubernetes.io/enforce-mountable-secrets";

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["sa"],
        subresources: &[Subresource {
            name: "token",
            verbs: &[Verb::Create],
            body: Some(("authentication.k8s.io", "v1", "TokenRequest")),
        }],
        columns: const { &[Column::NAME, Column::AGE] },
        cells: |object, now| vec![object.str_at("metadata.name").into(), age::of(object, now)],
        strategy: &ServiceAccount,
        delete_answer: DeleteAnswer::Object,
        ..super::new("ServiceAccount", "serviceaccounts", "core/v1.ServiceAccount", Scope::Namespaced)
    }
}

struct ServiceAccount;

impl Strategy for ServiceAccount {
    fn warnings(&self, _: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        if !enforces_mountable(object) || old.is_some_and(enforces_mountable) {
            return Vec::new();
        }
        let advice = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets";
        vec![format!("metadata.annotations[{ENFORCE_MOUNTABLE}]: {advice}")]
    }
}

fn enforces_mountable(object: &Value) -> bool {
    object.at("metadata.annotations").is_some_and(|map| map.get(ENFORCE_MOUNTABLE).is_some())
}
