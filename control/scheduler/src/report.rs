//! What the scheduler writes: bindings, the condition of pods that found no node, and events.

use http::{Method, Request, header};
use kube::Client;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tracing::debug;

use crate::view::Pod;

/// The name that pods ask for, and that events carry.
pub(crate) const SCHEDULER: &str = "default-scheduler";
/// Which scheduler of that name.
const INSTANCE: &str = "default-scheduler-coracle";

const MICROSECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
const SECONDS: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Binds a pod to a node.
///
/// # Errors
/// What the API said; that the pod is gone or bound already is one of them.
pub(crate) async fn bind(client: &Client, pod: &Pod, node: &str) -> Result<(), kube::Error> {
    let meta = &pod.metadata;
    let path = format!("/api/v1/namespaces/{}/pods/{}/binding", meta.namespace, meta.name);
    let binding = json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    });
    write(client, Method::POST, &path, "application/json", &binding).await
}

/// Whether a pod has a node by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Bound,
    Waiting,
    /// It is not there any more.
    Gone,
}

/// Reads how this very pod stands.
///
/// # Errors
/// When the API does not say.
pub(crate) async fn stands(client: &Client, pod: &Pod) -> Result<Stands, kube::Error> {
    let meta = &pod.metadata;
    let path = format!("/api/v1/namespaces/{}/pods/{}", meta.namespace, meta.name);
    let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    match client.request::<Pod>(request).await {
        Ok(found) if found.metadata.uid != meta.uid => Ok(Stands::Gone),
        Ok(found) if found.spec.node_name.is_empty() => Ok(Stands::Waiting),
        Ok(_) => Ok(Stands::Bound),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Stands::Gone),
        Err(error) => Err(error),
    }
}

/// Tells people that a pod was bound.
pub(crate) async fn tell_bound(client: &Client, pod: &Pod, node: &str) {
    let note = format!("Successfully assigned {}/{} to {node}", pod.metadata.namespace, pod.metadata.name);
    event(client, pod, ("Normal", "Scheduled", "Binding"), note).await;
}

/// Writes down that a pod found no node, in its condition and as an event.
pub(crate) async fn tell_unschedulable(client: &Client, pod: &Pod, message: String) {
    let meta = &pod.metadata;
    let path = format!("/api/v1/namespaces/{}/pods/{}/status", meta.namespace, meta.name);
    let said = pod.status.conditions.iter().any(|said| &*said.r#type == "PodScheduled" && *said.message == *message);
    if !said {
        let condition = json!({
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "observedGeneration": meta.generation,
            "lastProbeTime": null,
            "lastTransitionTime": formatted(OffsetDateTime::now_utc(), SECONDS),
        });
        let patch = json!({"metadata": {"uid": meta.uid}, "status": {"conditions": [condition]}});
        let patched = write(client, Method::PATCH, &path, "application/strategic-merge-patch+json", &patch).await;
        if let Err(error) = patched {
            debug!(%error, "condition not written");
        }
    }
    event(client, pod, ("Warning", "FailedScheduling", "Scheduling"), message).await;
}

async fn event(client: &Client, pod: &Pod, (event_type, reason, action): (&str, &str, &str), note: String) {
    let (meta, now) = (&pod.metadata, OffsetDateTime::now_utc());
    let event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": format!("{}.{:x}", meta.name, now.unix_timestamp_nanos()), "namespace": meta.namespace},
        "eventTime": formatted(now, MICROSECONDS),
        "reportingController": SCHEDULER,
        "reportingInstance": INSTANCE,
        "action": action,
        "reason": reason,
        "regarding": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version.to_string(),
        },
        "note": note,
        "type": event_type,
    });
    let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", meta.namespace);
    if let Err(error) = write(client, Method::POST, &path, "application/json", &event).await {
        debug!(%error, "event not written");
    }
}

async fn write(client: &Client, method: Method, path: &str, media: &str, body: &Value) -> Result<(), kube::Error> {
    let body = serde_json::to_vec(body).map_err(kube::Error::SerdeError)?;
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media);
    let request = request.body(body).map_err(kube::Error::HttpError)?;
    client.request::<IgnoredAny>(request).await.map(drop)
}

/// The time as the API wants it: its formats cannot fail for years of four digits.
fn formatted(at: OffsetDateTime, format: &[BorrowedFormatItem<'_>]) -> String {
    at.format(format).unwrap_or_default()
}
