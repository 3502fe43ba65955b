//! A Kubernetes API in memory: objects by path, merge patches, watches. It knows no kinds but how pods are deleted.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures::StreamExt as _;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// A test hangs no longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happened to an object: `ADDED`, `MODIFIED` or `DELETED`.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) what: &'static str,
    path: String,
    pub(crate) object: Value,
}

pub(crate) struct Api {
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
    /// The next status of a pod is answered with an error.
    status_fails: AtomicBool,
    tokens: AtomicU32,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    revision: u64,
    history: Vec<Change>,
}

impl Api {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changes: broadcast::channel(4096).0,
            status_fails: AtomicBool::new(false),
            tokens: AtomicU32::new(0),
        })
    }

    pub(crate) fn client(self: &Arc<Self>) -> Client {
        let api = Arc::clone(self);
        let service = tower::service_fn(move |req: Request<kube::client::Body>| {
            let api = Arc::clone(&api);
            async move { Ok::<_, Infallible>(api.answer(req).await) }
        });
        Client::new(service, "default")
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.state.lock().objects.get(path).cloned()
    }

    /// All that happened to an object.
    pub(crate) fn history(&self, path: &str) -> Vec<Change> {
        self.state.lock().history.iter().filter(|it| it.path == path).cloned().collect()
    }

    /// The events of a pod: reason and message, in the order of their names, which is that of time.
    pub(crate) fn events(&self, pod: &str) -> Vec<String> {
        let state = self.state.lock();
        let events = state.objects.iter().filter(|(path, _)| path.contains("/events/"));
        let of_pod = events.filter(|(_, it)| it["involvedObject"]["name"] == pod);
        let row = |it: &Value| format!("{}: {}", it["reason"].as_str().unwrap(), it["message"].as_str().unwrap());
        of_pod.map(|(_, it)| row(it)).collect()
    }

    /// Waits until the object is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(Option<&Value>) -> bool) -> Option<Value> {
        let mut changes = self.changes.subscribe();
        let seen = tokio::time::timeout(PATIENCE, async {
            loop {
                let object = self.get(path);
                if wanted(object.as_ref()) {
                    return object;
                }
                // Lagging is as good a reason to look again.
                let _ = changes.recv().await;
            }
        });
        seen.await.unwrap_or_else(|_| panic!("{path} stayed {:#}", self.get(path).unwrap_or_default()))
    }

    pub(crate) fn create(&self, collection: &str, mut object: Value) -> Value {
        let mut state = self.state.lock();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        object["metadata"]["uid"] = json!(format!("uid-of-{name}-{}", state.revision));
        object["metadata"]["generation"] = json!(1);
        if let Some((_, rest)) = collection.split_once("/namespaces/") {
            object["metadata"]["namespace"] = json!(rest.split('/').next());
        }
        self.put(&mut state, "ADDED", format!("{collection}/{name}"), object)
    }

    /// Merges a patch into an object.
    pub(crate) fn change(&self, path: &str, patch: &Value) {
        assert_eq!(self.patch(path, patch).status(), StatusCode::OK, "{path}");
    }

    /// Answers the next status of a pod with an error.
    pub(crate) fn fail_a_status(&self) {
        self.status_fails.store(true, Ordering::Relaxed);
    }

    /// Deletes as a client does.
    pub(crate) fn delete(&self, path: &str, grace: Option<i64>) -> Option<Value> {
        let mut state = self.state.lock();
        let mut object = state.objects.get(path)?.clone();
        let ended = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let default = object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
        let grace = if ended { 0 } else { grace.unwrap_or(default) };
        if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["generation"] = json!(2);
        }
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        let object = self.put(&mut state, "MODIFIED", path.to_owned(), object);
        if grace == 0 {
            state.objects.remove(path);
            self.record(&mut state, Change { what: "DELETED", path: path.to_owned(), object: object.clone() });
        }
        Some(object)
    }

    fn put(&self, state: &mut State, what: &'static str, path: String, mut object: Value) -> Value {
        state.revision += 1;
        object["metadata"]["resourceVersion"] = json!(state.revision.to_string());
        state.objects.insert(path.clone(), object.clone());
        self.record(state, Change { what, path, object: object.clone() });
        object
    }

    fn record(&self, state: &mut State, change: Change) {
        state.history.push(change.clone());
        let _ = self.changes.send(change);
    }

    async fn answer(&self, req: Request<kube::client::Body>) -> Response<Body> {
        let path = req.uri().path().to_owned();
        let watch = req.uri().query().is_some_and(|it| it.contains("watch=true"));
        let method = req.method().clone();
        let bytes = req.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        match method {
            Method::GET if watch => self.watch(path),
            Method::GET => match self.get(&path) {
                Some(object) => reply(StatusCode::OK, &object),
                None if is_collection(&path) => reply(StatusCode::OK, &self.list(&path)),
                None => not_found(),
            },
            Method::POST if path.ends_with("/token") => reply(
                StatusCode::CREATED,
                // Over already: it is renewed as soon as the agent ever does.
                &json!({"metadata": {}, "spec": {"audiences": []}, "status": {
                    "token": format!("token {}", self.tokens.fetch_add(1, Ordering::Relaxed)),
                    "expirationTimestamp": "2026-01-01T00:00:00Z"}}),
            ),
            Method::POST => reply(StatusCode::CREATED, &self.create(&path, body)),
            Method::PATCH if path.contains("/pods/") && self.status_fails.swap(false, Ordering::Relaxed) => {
                reply(StatusCode::INTERNAL_SERVER_ERROR, &json!({"kind": "Status", "status": "Failure", "code": 500}))
            }
            Method::PATCH => self.patch(path.trim_end_matches("/status"), &body),
            Method::DELETE => match self.delete(&path, body["gracePeriodSeconds"].as_i64()) {
                Some(object) => reply(StatusCode::OK, &object),
                None => not_found(),
            },
            _ => reply(StatusCode::METHOD_NOT_ALLOWED, &json!({})),
        }
    }

    fn patch(&self, path: &str, patch: &Value) -> Response<Body> {
        let mut state = self.state.lock();
        let Some(mut object) = state.objects.get(path).cloned() else { return not_found() };
        merge(&mut object, patch);
        reply(StatusCode::OK, &self.put(&mut state, "MODIFIED", path.to_owned(), object))
    }

    fn list(&self, path: &str) -> Value {
        let state = self.state.lock();
        let items: Vec<&Value> =
            state.objects.iter().filter(|(it, _)| in_collection(it, path)).map(|(_, object)| object).collect();
        json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": state.revision.to_string()}, "items": items})
    }

    fn watch(&self, path: String) -> Response<Body> {
        let changes = futures::stream::unfold(self.changes.subscribe(), |mut changes| async move {
            changes.recv().await.ok().map(|it| (it, changes))
        });
        let lines = changes.filter(move |it| std::future::ready(in_collection(&it.path, &path))).map(|it| {
            let line = json!({"type": it.what, "object": it.object}).to_string() + "\n";
            Ok::<_, Infallible>(line)
        });
        Response::new(Body::from_stream(lines))
    }
}

/// `…/pods` or `…/namespaces/NS/pods`.
fn is_collection(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let rest = if parts[0] == "api" { &parts[2..] } else { &parts[3..] };
    rest.len() % 2 == 1
}

fn in_collection(object: &str, collection: &str) -> bool {
    let (of, _) = object.rsplit_once('/').unwrap();
    let (base, plural) = collection.rsplit_once('/').unwrap();
    of == collection || (of.starts_with(&format!("{base}/namespaces/")) && of.ends_with(&format!("/{plural}")))
}

fn merge(target: &mut Value, patch: &Value) {
    let (Value::Object(fields), true) = (patch, target.is_object()) else {
        *target = patch.clone();
        return;
    };
    for (key, value) in fields {
        match value {
            Value::Null => drop(target.as_object_mut().unwrap().remove(key)),
            value if target[key].is_object() => merge(&mut target[key], value),
            value => target[key] = value.clone(),
        }
    }
}

fn not_found() -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 404,
        "reason": "NotFound", "message": "not found"});
    reply(StatusCode::NOT_FOUND, &status)
}

fn reply(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
}
