//! Just enough of the Kubernetes API to drive controllers: objects in memory, watches, patches, finalizers and binding.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The resources that there are: (path of the group version, plural, kind, namespaced).
const RESOURCES: [(&str, &str, &str, bool); 14] = [
    ("/api/v1", "namespaces", "Namespace", false),
    ("/api/v1", "nodes", "Node", false),
    ("/api/v1", "pods", "Pod", true),
    ("/api/v1", "services", "Service", true),
    ("/api/v1", "endpoints", "Endpoints", true),
    ("/api/v1", "configmaps", "ConfigMap", true),
    ("/api/v1", "serviceaccounts", "ServiceAccount", true),
    ("/api/v1", "events", "Event", true),
    ("/apis/apps/v1", "deployments", "Deployment", true),
    ("/apis/apps/v1", "replicasets", "ReplicaSet", true),
    ("/apis/batch/v1", "jobs", "Job", true),
    ("/apis/discovery.k8s.io/v1", "endpointslices", "EndpointSlice", true),
    ("/apis/coordination.k8s.io/v1", "leases", "Lease", true),
    ("/apis/events.k8s.io/v1", "events", "Event", true),
];

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;
type Key = (String, String, String);

/// The whole cluster's state.
#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<usize>>,
}

#[derive(Default)]
struct State {
    /// By (group version and plural, namespace, name).
    objects: BTreeMap<Key, Value>,
    log: Vec<(String, &'static str, Value)>,
    revision: u64,
}

/// A request taken apart.
struct Target {
    collection: String,
    kind: &'static str,
    namespace: String,
    name: String,
    subresource: String,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self { state: Arc::default(), changed: Arc::new(watch::Sender::new(0)) }
    }

    pub(crate) fn client(&self) -> kube::Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, std::convert::Infallible>(fake.answer(request).await) }
        });
        kube::Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path = parts.uri.path().to_owned();
        let query: BTreeMap<String, String> = parts
            .uri
            .query()
            .unwrap_or("")
            .split('&')
            .filter_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                Some((key.to_owned(), value.replace("%2F", "/").replace("%3D", "=").replace("%2C", ",")))
            })
            .collect();
        if let Some(found) = discovery(&path) {
            return reply(StatusCode::OK, &found);
        }
        let Some(target) = target(&path) else { return status(404, "NotFound", &path) };
        if query.contains_key("watch") {
            return self.watch(&target, query["resourceVersion"].parse().unwrap());
        }
        let strategic =
            parts.headers.get("content-type").is_some_and(|media| media.to_str().unwrap().contains("strategic"));
        let answer = match (parts.method, target.name.is_empty()) {
            (Method::GET, true) => Ok(self.list(&target, &query)),
            (Method::GET, false) => self.get(&target),
            (Method::POST, _) if target.subresource == "binding" => self.bind(&target, &body),
            (Method::POST, _) => self.create(&target, body),
            (Method::PUT, _) => {
                self.change(&target, |object| *object = keep(object, body.clone(), &target.subresource))
            }
            (Method::PATCH, _) => self.change(&target, |object| merge(object, &body, strategic)),
            (Method::DELETE, true) => Ok(self.delete_all(&target)),
            (Method::DELETE, false) => self.delete(&target, &body),
            _ => Err((405, "MethodNotAllowed")),
        };
        self.changed.send_replace(self.state.lock().unwrap().log.len());
        match answer {
            Ok(object) => reply(StatusCode::OK, &object),
            Err((code, reason)) => status(code, reason, &path),
        }
    }

    fn list(&self, target: &Target, query: &BTreeMap<String, String>) -> Value {
        let state = self.state.lock().unwrap();
        let labels = query.get("labelSelector").cloned().unwrap_or_default();
        let field = query.get("fieldSelector").cloned().unwrap_or_default();
        let matches = |object: &Value| {
            let label =
                |pair: &str| pair.split_once('=').is_none_or(|(key, value)| object["metadata"]["labels"][key] == value);
            let named = field.strip_prefix("metadata.name=").is_none_or(|name| object["metadata"]["name"] == name);
            labels.split(',').all(label) && named
        };
        let here = |key: &Key| key.0 == target.collection && (target.namespace.is_empty() || key.1 == target.namespace);
        let items: Vec<_> = state
            .objects
            .iter()
            .filter(|(key, object)| here(key) && matches(object))
            .map(|(_, object)| object.clone())
            .collect();
        json!({"kind": format!("{}List", target.kind), "metadata": {"resourceVersion": state.revision.to_string()}, "items": items})
    }

    fn watch(&self, target: &Target, from: u64) -> Answer {
        let (state, collection) = (self.state.clone(), target.collection.clone());
        let at = state.lock().unwrap().log.iter().take_while(|(.., object)| revision(object) <= from).count();
        let events = stream::unfold((at, self.changed.subscribe()), move |(mut at, mut changed)| {
            let (state, collection) = (state.clone(), collection.clone());
            async move {
                loop {
                    {
                        let state = state.lock().unwrap();
                        while at < state.log.len() {
                            let (of, event, object) = &state.log[at];
                            at += 1;
                            if *of == collection {
                                let line = format!("{}\n", json!({"type": event, "object": object}));
                                return Some((Ok(Frame::data(Bytes::from(line))), (at, changed.clone())));
                            }
                        }
                    }
                    changed.changed().await.ok()?;
                }
            }
        });
        Response::new(UnsyncBoxBody::new(StreamBody::new(events.boxed())))
    }

    fn get(&self, target: &Target) -> Result<Value, (u16, &'static str)> {
        self.state.lock().unwrap().objects.get(&key(target)).cloned().ok_or((404, "NotFound"))
    }

    fn create(&self, target: &Target, mut object: Value) -> Result<Value, (u16, &'static str)> {
        let mut state = self.state.lock().unwrap();
        let number = state.revision;
        let metadata = &mut object["metadata"];
        if metadata["name"].is_null() {
            metadata["name"] = format!("{}{number:05}", metadata["generateName"].as_str().unwrap()).into();
        }
        let name = metadata["name"].as_str().unwrap().to_owned();
        let key = (target.collection.clone(), target.namespace.clone(), name);
        if state.objects.contains_key(&key) {
            return Err((409, "AlreadyExists"));
        }
        metadata["namespace"] = target.namespace.clone().into();
        metadata["uid"] = format!("uid-{number}").into();
        metadata["generation"] = 1.into();
        metadata["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        if target.kind == "Pod" && object["status"]["phase"].is_null() {
            object["status"]["phase"] = "Pending".into();
            if object["spec"]["schedulerName"].is_null() {
                object["spec"]["schedulerName"] = "default-scheduler".into();
            }
        }
        Ok(state.store(key, object, "ADDED"))
    }

    fn change(&self, target: &Target, change: impl FnOnce(&mut Value)) -> Result<Value, (u16, &'static str)> {
        let mut state = self.state.lock().unwrap();
        let before = state.objects.get(&key(target)).cloned().ok_or((404, "NotFound"))?;
        let mut object = before.clone();
        change(&mut object);
        if object["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"] {
            return Err((409, "Conflict"));
        }
        if object == before {
            return Ok(object);
        }
        if object["spec"] != before["spec"] {
            object["metadata"]["generation"] = (before["metadata"]["generation"].as_i64().unwrap() + 1).into();
        }
        let finalizers = object["metadata"]["finalizers"].as_array().map_or(0, Vec::len);
        let namespace_held =
            target.kind == "Namespace" && !object["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty);
        if !object["metadata"]["deletionTimestamp"].is_null() && finalizers == 0 && !namespace_held {
            return Ok(state.forget(key(target), object));
        }
        Ok(state.store(key(target), object, "MODIFIED"))
    }

    fn bind(&self, target: &Target, binding: &Value) -> Result<Value, (u16, &'static str)> {
        let pod = Target {
            subresource: String::new(),
            collection: target.collection.clone(),
            kind: "Pod",
            namespace: target.namespace.clone(),
            name: target.name.clone(),
        };
        self.change(&pod, |object| object["spec"]["nodeName"] = binding["target"]["name"].clone())
    }

    fn delete_all(&self, target: &Target) -> Value {
        let keys: Vec<_> = {
            let state = self.state.lock().unwrap();
            state
                .objects
                .keys()
                .filter(|key| key.0 == target.collection && key.1 == target.namespace)
                .cloned()
                .collect()
        };
        for (collection, namespace, name) in keys {
            let one = Target { collection, namespace, name, kind: target.kind, subresource: String::new() };
            self.delete(&one, &Value::Null).unwrap();
        }
        json!({"kind": "Status", "status": "Success"})
    }

    fn delete(&self, target: &Target, options: &Value) -> Result<Value, (u16, &'static str)> {
        let mut state = self.state.lock().unwrap();
        let mut object = state.objects.get(&key(target)).cloned().ok_or((404, "NotFound"))?;
        if options["preconditions"]["uid"].is_string() && options["preconditions"]["uid"] != object["metadata"]["uid"] {
            return Err((409, "Conflict"));
        }
        let mut finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        match options["propagationPolicy"].as_str() {
            Some("Foreground") => finalizers.push("foregroundDeletion".into()),
            Some("Orphan") => finalizers.push("orphan".into()),
            _ => {}
        }
        let held = !finalizers.is_empty() || target.kind == "Namespace";
        if !finalizers.is_empty() {
            object["metadata"]["finalizers"] = finalizers.into();
        }
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        match held {
            true => Ok(state.store(key(target), object, "MODIFIED")),
            false => Ok(state.forget(key(target), object)),
        }
    }
}

impl State {
    fn store(&mut self, key: Key, mut object: Value, event: &'static str) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        self.log.push((key.0.clone(), event, object.clone()));
        self.objects.insert(key, object.clone());
        object
    }

    fn forget(&mut self, key: Key, mut object: Value) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        self.objects.remove(&key);
        self.log.push((key.0, "DELETED", object.clone()));
        object
    }
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

fn key(target: &Target) -> Key {
    (target.collection.clone(), target.namespace.clone(), target.name.clone())
}

fn keep(before: &Value, mut after: Value, subresource: &str) -> Value {
    if subresource == "status" {
        after["spec"] = before["spec"].clone();
    }
    after
}

fn target(path: &str) -> Option<Target> {
    for (root, plural, kind, namespaced) in RESOURCES {
        let Some(rest) = path.strip_prefix(&format!("{root}/")) else { continue };
        let (namespace, rest) = match rest.strip_prefix("namespaces/").and_then(|rest| rest.split_once('/')) {
            Some((namespace, rest)) if namespaced => (namespace, rest),
            _ => ("", rest),
        };
        let mut words = rest.split('/');
        if words.next() != Some(plural) {
            continue;
        }
        // What is inside a namespace is not a part of it.
        if plural == "namespaces" && words.clone().nth(1).is_some_and(|word| word != "status" && word != "finalize") {
            continue;
        }
        let (name, subresource) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
        let (collection, namespace) = (format!("{root}/{plural}"), namespace.to_owned());
        return Some(Target { collection, kind, namespace, name, subresource });
    }
    None
}

fn discovery(path: &str) -> Option<Value> {
    if path == "/apis" {
        let mut groups: Vec<_> = RESOURCES.iter().filter_map(|(root, ..)| root.strip_prefix("/apis/")).collect();
        groups.dedup();
        let group = |version: &&str| json!({"preferredVersion": {"groupVersion": version}});
        return Some(json!({"groups": groups.iter().map(group).collect::<Vec<_>>()}));
    }
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let resource = |(_, plural, kind, namespaced): &(&str, &str, &str, bool)| json!({"name": plural, "kind": kind, "namespaced": namespaced, "verbs": verbs});
    let found: Vec<_> = RESOURCES.iter().filter(|(root, ..)| *root == path).map(resource).collect();
    (!found.is_empty()).then(|| json!({"resources": found}))
}

/// Merges as RFC 7386 does, and the lists that matter here by their keys.
fn merge(object: &mut Value, patch: &Value, strategic: bool) {
    let Value::Object(patch) = patch else { return *object = patch.clone() };
    if !object.is_object() {
        *object = json!({});
    }
    for (name, value) in patch {
        let key = match name.as_str() {
            "conditions" => "type",
            "ownerReferences" => "uid",
            _ => "",
        };
        if let Some(field) = name.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().unwrap();
            if let Some(list) = object[field].as_array_mut() {
                list.retain(|item| !gone.contains(item));
            }
        } else if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else if strategic && !key.is_empty() {
            let mut list = object[name].as_array().cloned().unwrap_or_default();
            for item in value.as_array().unwrap() {
                let at = list.iter().position(|known| known[key] == item[key]);
                match (at, item["$patch"] == "delete") {
                    (Some(at), true) => drop(list.remove(at)),
                    (None, true) => {}
                    (Some(at), false) => merge(&mut list[at], item, true),
                    (None, false) => list.push(item.clone()),
                }
            }
            object[name] = list.into();
        } else {
            merge(&mut object[name], value, strategic);
        }
    }
}

fn status(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message});
    reply(StatusCode::from_u16(code).unwrap(), &status)
}

fn reply(code: StatusCode, object: &Value) -> Answer {
    let body = http_body_util::Full::new(Bytes::from(object.to_string())).map_err(|never| match never {});
    let mut answer = Response::new(UnsyncBoxBody::new(body));
    *answer.status_mut() = code;
    answer
}
