//! The pods of this node as the API server last told of them: bytes, since there may be thousands.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::admit::Requests;
use super::pod::probe::Finding;

/// The pods of this node, by uid.
#[derive(Debug, Default)]
pub(crate) struct Pods {
    entries: Mutex<HashMap<String, Arc<PodEntry>>>,
}

/// One pod, shared by the loop that hears of it and the worker that runs it.
#[derive(Debug)]
pub(crate) struct PodEntry {
    /// Its uid.
    pub(crate) uid: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// What it was admitted with.
    pub(crate) requests: Requests,
    /// Wakes the worker.
    pub(crate) changed: Notify,
    /// What probes found and the worker has not seen yet; at most one per probe and period.
    pub(crate) findings: Mutex<Vec<Finding>>,
    /// Whether a worker has it.
    pub(crate) at_work: AtomicBool,
    // Invariant: the JSON is that of the highest resourceVersion seen, which stands before it.
    latest: Mutex<(u64, Bytes)>,
    gone: AtomicBool,
    stale: AtomicBool,
}

// === impl Pods ===

impl Pods {
    /// The pod of that uid.
    pub(crate) fn get(&self, uid: &str) -> Option<Arc<PodEntry>> {
        self.entries.lock().get(uid).cloned()
    }

    /// The pod of that name; of several, one that is not gone.
    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<Arc<PodEntry>> {
        let entries = self.entries.lock();
        let mut found = entries.values().filter(|it| it.namespace == namespace && it.name == name);
        found.clone().find(|it| !it.is_gone()).or_else(|| found.next()).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<PodEntry>> {
        self.entries.lock().values().cloned().collect()
    }

    /// Adds one.
    pub(crate) fn insert(&self, entry: Arc<PodEntry>) {
        self.entries.lock().insert(entry.uid.clone(), entry);
    }

    /// Forgets one.
    pub(crate) fn remove(&self, uid: &str) {
        self.entries.lock().remove(uid);
    }

    /// What the pods at work were admitted with, together.
    pub(crate) fn requested(&self) -> Requests {
        let entries = self.entries.lock();
        entries.values().filter(|it| it.at_work.load(Ordering::Acquire)).map(|it| it.requests).sum()
    }
}

// === impl PodEntry ===

impl PodEntry {
    /// A pod that was just heard of.
    pub(crate) fn new(pod: &Pod, requests: Requests) -> Arc<Self> {
        let revision = pod.metadata.resource_version.as_ref().and_then(|it| it.parse().ok()).unwrap_or(0);
        Arc::new(Self {
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            name: pod.metadata.name.clone().unwrap_or_default(),
            requests,
            changed: Notify::new(),
            findings: Mutex::default(),
            at_work: AtomicBool::new(false),
            latest: Mutex::new((revision, encode(pod))),
            gone: AtomicBool::new(false),
            stale: AtomicBool::new(false),
        })
    }

    /// The pod as it was last told of.
    pub(crate) fn pod(&self) -> Pod {
        let json = self.json();
        serde_json::from_slice(&json).expect("it was encoded from a pod")
    }

    /// The pod's JSON.
    pub(crate) fn json(&self) -> Bytes {
        self.latest.lock().1.clone()
    }

    /// The version of the pod that was told of last.
    pub(crate) fn revision(&self) -> u64 {
        self.latest.lock().0
    }

    /// Notes what the API server says of it, unless that is old; wakes the worker if it is news.
    pub(crate) fn update(&self, pod: &Pod) {
        if self.store(pod) {
            self.changed.notify_one();
        }
    }

    /// Notes what the API server says of it, unless that is old or known.
    pub(crate) fn store(&self, pod: &Pod) -> bool {
        let revision = pod.metadata.resource_version.as_ref().and_then(|it| it.parse().ok()).unwrap_or(u64::MAX);
        let mut latest = self.latest.lock();
        let newer = revision > latest.0 || revision == u64::MAX;
        if newer {
            *latest = (revision, encode(pod));
        }
        newer
    }

    /// Notes that its object is gone.
    pub(crate) fn mark_gone(&self) {
        self.gone.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Notes that something which its volumes show has changed.
    pub(crate) fn mark_stale(&self) {
        self.stale.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Whether something which its volumes show has changed since this was asked last.
    pub(crate) fn take_stale(&self) -> bool {
        self.stale.swap(false, Ordering::AcqRel)
    }

    /// Whether it is being deleted or gone.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_gone() || self.pod().metadata.deletion_timestamp.is_some()
    }

    /// Whether its object is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

fn encode(pod: &Pod) -> Bytes {
    // Boxed, so that what the vector grew beyond the text is given back.
    serde_json::to_vec(pod).expect("a pod is JSON").into_boxed_slice().into()
}
