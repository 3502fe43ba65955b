//! The kubelet's HTTP API: what the API server asks a node for `kubectl logs`, `exec`, `attach` and `port-forward`, and for metrics. It
//! opens no port.
//!
//! # Errors
//! As the kubelet does, in plain text; the API server makes a Status of it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Agent;
use super::logs::{Options, Reader};
use super::pods::PodEntry;

mod stats;
mod stream;

/// The kubelet's HTTP API over an agent.
pub(crate) fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/pods", get(pods))
        .route("/stats/summary", get(stats::summary))
        .route("/containerLogs/{namespace}/{pod}/{container}", get(container_logs))
        .route("/exec/{namespace}/{pod}/{container}", any(stream::exec))
        .route("/attach/{namespace}/{pod}/{container}", any(stream::attach))
        .route("/portForward/{namespace}/{pod}", any(stream::port_forward))
        .with_state(agent)
}

/// All pods of this node, as a list.
async fn pods(State(agent): State<Arc<Agent>>) -> Response {
    let mut body = br#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":["#.to_vec();
    for (index, entry) in agent.pods.all().iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&entry.json());
    }
    body.extend_from_slice(b"]}");
    json(body.into())
}

fn json(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The query of `kubectl logs`, as text: an empty value is as good as none.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LogQuery {
    follow: String,
    previous: String,
    timestamps: String,
    tail_lines: String,
    since_seconds: String,
    since_time: String,
    limit_bytes: String,
}

/// A hundred years: older lines than that there are none.
const AGO_SECONDS_MAX: i64 = 100 * 365 * 24 * 3600;

// === impl LogQuery ===

impl LogQuery {
    fn options(&self, now: Timestamp) -> Result<Options, String> {
        let since_seconds = number(&self.since_seconds, "sinceSeconds")?;
        let seconds_ago = since_seconds.map(|it| {
            now - SignedDuration::from_secs(i64::try_from(it).map_or(AGO_SECONDS_MAX, |it| it.min(AGO_SECONDS_MAX)))
        });
        let since_time = match self.since_time.as_str() {
            "" => None,
            text => Some(text.parse::<Timestamp>().map_err(|err| format!("sinceTime: {err}"))?),
        };
        Ok(Options {
            follow: flag(&self.follow),
            timestamps: flag(&self.timestamps),
            tail_lines: number(&self.tail_lines, "tailLines")?,
            since: since_time.or(seconds_ago),
            limit_bytes: number(&self.limit_bytes, "limitBytes")?,
        })
    }
}

fn flag(text: &str) -> bool {
    matches!(text, "true" | "1")
}

fn number(text: &str, name: &str) -> Result<Option<u64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| format!("{name} must be a number that is not negative: {text}"))
}

/// The log of a container.
async fn container_logs(
    State(agent): State<Arc<Agent>>,
    Path((namespace, name, container)): Path<(String, String, String)>,
    Query(query): Query<LogQuery>,
) -> Response {
    let Some(entry) = agent.pods.find(&namespace, &name) else {
        return (StatusCode::NOT_FOUND, format!("pod \"{name}\" does not exist")).into_response();
    };
    let pod = entry.pod();
    if super::pod::env::find_container(&pod, &container).is_none() {
        return (StatusCode::NOT_FOUND, format!("container \"{container}\" not found in pod \"{name}\""))
            .into_response();
    }
    let (attempt, options) = match (attempt(&pod, &container, flag(&query.previous)), query.options(Timestamp::now())) {
        (Ok(attempt), Ok(options)) => (attempt, options),
        (Err(message), _) | (_, Err(message)) => return (StatusCode::BAD_REQUEST, message).into_response(),
    };
    let path = agent.log_dir(&pod).join(&container).join(format!("{attempt}.log"));
    match Reader::open(&path, options).await {
        Ok(reader) => {
            let follower = Follower { reader, entry, container, attempt, seen: None };
            ([(header::CONTENT_TYPE, "text/plain")], follower.body()).into_response()
        }
        Err(err) => (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to open the log: {err}")).into_response(),
    }
}

/// A log on its way to a client.
struct Follower {
    reader: Reader,
    entry: Arc<PodEntry>,
    container: String,
    attempt: i32,
    /// The version of the pod that was looked at last, and whether the container ran then.
    seen: Option<(u64, bool)>,
}

// === impl Follower ===

impl Follower {
    /// The log as it is read; the reader is dropped when the client goes.
    fn body(self) -> Body {
        let parts = futures::stream::try_unfold(self, |mut follower| async move {
            let Self { reader, entry, container, attempt, seen } = &mut follower;
            let part = reader.next(|| has_ended(entry, container, *attempt, seen)).await?;
            Ok::<_, std::io::Error>(part.map(|it| (it, follower)))
        });
        Body::from_stream(parts)
    }
}

/// Whether a run has ended. A pod is decoded only if it is another than the one seen last.
fn has_ended(entry: &PodEntry, container: &str, attempt: i32, seen: &mut Option<(u64, bool)>) -> bool {
    if entry.is_gone() {
        return true;
    }
    let revision = entry.revision();
    let running = match *seen {
        Some((before, running)) if before == revision => running,
        Some(_) | None => is_running(&entry.pod(), container, attempt),
    };
    *seen = Some((revision, running));
    !running
}

fn is_running(pod: &Pod, container: &str, attempt: i32) -> bool {
    let running = |it: &ContainerStatus| it.state.as_ref().is_some_and(|it| it.running.is_some());
    container_status(pod, container).is_some_and(|it| running(it) && it.restart_count == attempt)
}

fn container_status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let all = status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
    all.into_iter().find(|it| it.name == container)
}

/// Which run of a container has the log that is asked for.
fn attempt(pod: &Pod, container: &str, previous: bool) -> Result<i32, String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let Some(status) = container_status(pod, container) else {
        return Err(format!("container \"{container}\" in pod \"{name}\" is not available"));
    };
    let latest = status.restart_count;
    let ran = |state: &Option<ContainerState>| state.as_ref().is_some_and(|it| it.terminated.is_some());
    let waiting = status.state.as_ref().and_then(|it| it.waiting.as_ref());
    match (previous, ran(&status.last_state), waiting) {
        (true, false, _) => Err(format!("previous terminated container \"{container}\" in pod \"{name}\" not found")),
        // One that waits for its restart ran last in its last state.
        (_, true, Some(_)) => Ok(latest),
        (true, true, None) => Ok(latest - 1),
        (false, _, None) => Ok(latest),
        (false, false, Some(waiting)) => {
            let reason = match waiting.reason.as_deref().unwrap_or_default() {
                "ErrImagePull" | "ImagePullBackOff" => "trying and failing to pull image",
                reason => reason,
            };
            Err(format!("container \"{container}\" in pod \"{name}\" is waiting to start: {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;

    fn ask(status: Value, previous: bool) -> Result<i32, String> {
        let pod = json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [status]}});
        attempt(&serde_json::from_value(pod).unwrap(), "c", previous)
    }

    fn container(restarts: i32, state: Value, last: Value) -> Value {
        json!({"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": restarts, "state": state,
            "lastState": last})
    }

    /// `oracle/kubelet/logs.txt`.
    #[test]
    fn a_log_is_that_of_the_run_asked_for_or_says_why_not() {
        let (running, ended) = (json!({"running": {}}), json!({"terminated": {"exitCode": 1}}));
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        assert_eq!(ask(container(0, running.clone(), json!({})), false), Ok(0));
        assert_eq!(ask(container(2, running.clone(), ended.clone()), false), Ok(2));
        assert_eq!(ask(container(2, running.clone(), ended.clone()), true), Ok(1));
        assert_eq!(ask(container(2, waiting("CrashLoopBackOff"), ended.clone()), true), Ok(2));
        assert_eq!(
            ask(container(0, ended, json!({})), true).unwrap_err(),
            "previous terminated container \"c\" in pod \"p\" not found"
        );
        assert_eq!(
            ask(container(0, waiting("ContainerCreating"), json!({})), false).unwrap_err(),
            "container \"c\" in pod \"p\" is waiting to start: ContainerCreating"
        );
        assert_eq!(
            ask(container(0, waiting("ErrImagePull"), json!({})), false).unwrap_err(),
            "container \"c\" in pod \"p\" is waiting to start: trying and failing to pull image"
        );
    }

    #[test]
    fn a_query_is_read_strictly() {
        let options = |query: LogQuery| query.options(Timestamp::UNIX_EPOCH);
        let some = LogQuery { tail_lines: "5".to_owned(), follow: "true".to_owned(), ..Default::default() };
        assert_eq!(options(some).unwrap(), Options { tail_lines: Some(5), follow: true, ..Default::default() });
        assert!(options(LogQuery { tail_lines: "-1".to_owned(), ..Default::default() }).is_err());
        assert!(options(LogQuery { since_time: "yesterday".to_owned(), ..Default::default() }).is_err());
    }
}
