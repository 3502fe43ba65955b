//! ComponentStatus: how the parts of the control plane fare, made up when somebody asks. Deprecated for years, but some
//! clients still look there first.

use futures::FutureExt;
use serde_json::{Value, json};
use storage::Key;

use crate::object::Fields;
use crate::registry::Registry;
use crate::registry::resource::{Column, Now, Resource, Scope, Verb};
use crate::resources::cell;

/// What the store is called, whatever it is.
const STORE: &str = "etcd-0";

/// The row. Controllers and scheduler are not in it: this server does not know them from other clients.
pub(super) fn row() -> Resource {
    Resource {
        short_names: &["cs"],
        verbs: &[Verb::Get, Verb::List],
        columns: const { &[Column::NAME, Column::text("Status"), Column::text("Message"), Column::text("Error")] },
        cells,
        warning: "v1 ComponentStatus is deprecated in v1.19+",
        computed: Some(|registry| store(registry).map(|status| vec![status]).boxed()),
        ..super::new("ComponentStatus", "componentstatuses", "core/v1.ComponentStatus", Scope::Cluster)
    }
}

fn cells(object: &Value, _: Now) -> Vec<Value> {
    let health = object.list_at("conditions").iter().find(|condition| condition.str_at("type") == "Healthy");
    let (status, message, error) = health
        .map_or(("", "", ""), |health| (health.str_at("status"), health.str_at("message"), health.str_at("error")));
    let word = match status {
        "True" => "Healthy",
        "False" => "Unhealthy",
        _ => "Unknown",
    };
    vec![cell::name(object), word.into(), message.into(), error.into()]
}

/// Healthy is a store that answers.
async fn store(registry: &Registry) -> Value {
    let key = Key { resource: "core/namespaces".into(), namespace: "".into(), name: "default".into() };
    let condition = match registry.storage.get(&key).await {
        Ok(_) => json!({"type": "Healthy", "status": "True", "message": "ok"}),
        Err(error) => json!({"type": "Healthy", "status": "False", "error": error.to_string()}),
    };
    json!({"kind": "ComponentStatus", "apiVersion": "v1", "metadata": {"name": STORE}, "conditions": [condition]})
}
