//! Pod: the row. What a pod's fields mean to the server is in the files beside this one.

pub mod amounts;
pub mod binding;
mod cells;
pub mod connect;
mod default;
pub mod endpoint;
mod ephemeral;
pub mod eviction;
mod prepare;
pub mod qos;
mod resize;
mod status;
mod strategy;
mod update;

use serde_json::{Value, json};

use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Generation, Resource, Scope, Subresource, Verb};

const WHOLE: &[Verb] = &[Verb::Get, Verb::Patch, Verb::Update];
const STREAM: &[Verb] = &[Verb::Create, Verb::Get];

const SUBRESOURCES: &[Subresource] = &[
    Subresource { name: "attach", verbs: STREAM, body: Some(("", "v1", "PodAttachOptions")) },
    Subresource { name: "binding", verbs: &[Verb::Create], body: Some(("", "v1", "Binding")) },
    Subresource { name: "ephemeralcontainers", verbs: WHOLE, body: None },
    Subresource { name: "eviction", verbs: &[Verb::Create], body: Some(("policy", "v1", "Eviction")) },
    Subresource { name: "exec", verbs: STREAM, body: Some(("", "v1", "PodExecOptions")) },
    Subresource { name: "log", verbs: &[Verb::Get], body: None },
    Subresource { name: "portforward", verbs: STREAM, body: Some(("", "v1", "PodPortForwardOptions")) },
    Subresource {
        name: "proxy",
        verbs: &[Verb::Create, Verb::Delete, Verb::Get, Verb::Patch, Verb::Update],
        body: Some(("", "v1", "PodProxyOptions")),
    },
    Subresource { name: "resize", verbs: WHOLE, body: None },
    Subresource::STATUS,
];

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Ready"),
    Column::text("Status"),
    Column::text("Restarts"),
    Column::AGE,
    Column::wide("IP"),
    Column::wide("Node"),
    Column::wide("Nominated Node"),
    Column::wide("Readiness Gates"),
];

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["po"],
        categories: &["all"],
        subresources: SUBRESOURCES,
        columns: COLUMNS,
        cells: cells::cells,
        row_conditions,
        selectable_fields: &[
            ("spec.nodeName", |pod| pod.str_at("spec.nodeName").to_owned()),
            ("spec.restartPolicy", |pod| pod.str_at("spec.restartPolicy").to_owned()),
            ("spec.schedulerName", |pod| pod.str_at("spec.schedulerName").to_owned()),
            ("spec.serviceAccountName", |pod| pod.str_at("spec.serviceAccountName").to_owned()),
            ("spec.hostNetwork", |pod| pod.bool_at("spec.hostNetwork").to_string()),
            ("status.phase", |pod| pod.str_at("status.phase").to_owned()),
            ("status.podIP", pod_ip),
            ("status.podIPs", pod_ip),
            ("status.nominatedNodeName", |pod| pod.str_at("status.nominatedNodeName").to_owned()),
        ],
        strategy: &strategy::Pod,
        older_bodies: &[("policy", "v1beta1", "Eviction")],
        delete_answer: DeleteAnswer::Object,
        generation: Generation::Strategy,
        status_takes_labels: true,
        ..super::new("Pod", "pods", "core/v1.Pod", Scope::Namespaced)
    }
}

/// The row of the older way to bind, which has no objects.
pub fn bindings_row() -> Resource {
    Resource { verbs: &[Verb::Create], ..super::new("Binding", "bindings", "core/v1.Binding", Scope::Namespaced) }
}

fn pod_ip(pod: &Value) -> String {
    pod.list_at("status.podIPs").first().map_or("", |ip| ip.str_at("ip")).to_owned()
}

/// `kubectl get` hides finished pods by this where it is asked to.
fn row_conditions(pod: &Value) -> Vec<Value> {
    let (reason, message) = match pod.str_at("status.phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return Vec::new(),
    };
    vec![json!({"type": "Completed", "status": "True", "reason": reason, "message": message})]
}
