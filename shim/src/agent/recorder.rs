//! Writes events about pods and the node, as the kubelet does: a repeated one raises its count.
//!
//! # Guarantees
//! Recording never waits: the queue is bounded, and what does not fit is dropped. Events are news, not state.

use std::collections::HashMap;
use std::hash::BuildHasher;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::mpsc;

/// Events that wait to be written.
const QUEUE_MAX: usize = 512;
/// Events that can still be counted up; when there are more, all begin anew.
const COUNTED_MAX: usize = 1024;
/// Bytes of a message, as upstream cuts it.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Where events go.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<News>,
}

/// The other end, which writes them.
pub(crate) struct Writer {
    queue: mpsc::Receiver<News>,
    /// By the hash of the news, which is all that is needed to know it again.
    counted: HashMap<u64, Counted>,
    client: Client,
    node_name: String,
}

/// Normal, or something to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EventType {
    /// As it should be.
    Normal,
    /// Not as it should be.
    Warning,
}

/// What happened, once or again.
#[derive(Clone, Debug, Hash)]
struct News {
    namespace: String,
    name: String,
    kind: &'static str,
    uid: Option<String>,
    resource_version: Option<String>,
    field_path: Option<String>,
    level: EventType,
    reason: String,
    message: String,
}

#[derive(Debug)]
struct Counted {
    event: String,
    count: i32,
}

/// A recorder and its writer.
pub(crate) fn channel(client: Client, node_name: String) -> (Recorder, Writer) {
    let (sender, queue) = mpsc::channel(QUEUE_MAX);
    (Recorder { queue: sender }, Writer { queue, counted: HashMap::new(), client, node_name })
}

// === impl Recorder ===

impl Recorder {
    /// Tells of a pod, or with a field path of one of its containers.
    pub(crate) fn pod(&self, pod: &Pod, field_path: Option<String>, level: EventType, reason: &str, message: &str) {
        let meta = &pod.metadata;
        self.send(News {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            kind: "Pod",
            uid: meta.uid.clone(),
            resource_version: meta.resource_version.clone(),
            field_path,
            level,
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
    }

    /// Tells of the node.
    pub(crate) fn node(&self, name: &str, uid: Option<String>, reason: &str, message: &str) {
        self.send(News {
            namespace: "default".to_owned(),
            name: name.to_owned(),
            kind: "Node",
            uid,
            resource_version: None,
            field_path: None,
            level: EventType::Normal,
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
    }

    fn send(&self, mut news: News) {
        let end = news.message.floor_char_boundary(MESSAGE_BYTES_MAX);
        news.message.truncate(end);
        if self.queue.try_send(news).is_err() {
            tracing::debug!("dropped an event: the queue is full");
        }
    }
}

// === impl Writer ===

impl Writer {
    /// Writes events until all recorders are gone.
    pub(crate) async fn run(mut self) {
        while let Some(news) = self.queue.recv().await {
            if let Err(err) = self.write(news).await {
                tracing::debug!(%err, "could not write an event");
            }
        }
    }

    async fn write(&mut self, mut news: News) -> Result<(), kube::Error> {
        let now = Timestamp::now();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &news.namespace);
        // The same happening to another version of the object is the same.
        let resource_version = news.resource_version.take();
        let hash = self.counted.hasher().hash_one(&news);
        if let Some(counted) = self.counted.get_mut(&hash) {
            counted.count += 1;
            let patch = json!({"count": counted.count, "lastTimestamp": Time(now)});
            match api.patch(&counted.event, &PatchParams::default(), &Patch::Merge(patch)).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                written => return written.map(drop),
            }
        }
        let event = self.event(&news, resource_version, now);
        let name = event.metadata.name.clone().unwrap_or_default();
        api.create(&PostParams::default(), &event).await?;
        if self.counted.len() >= COUNTED_MAX {
            self.counted.clear();
        }
        self.counted.insert(hash, Counted { event: name, count: 1 });
        Ok(())
    }

    fn event(&self, news: &News, resource_version: Option<String>, now: Timestamp) -> Event {
        let level = match news.level {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        Event {
            count: Some(1),
            first_timestamp: Some(Time(now)),
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                field_path: news.field_path.clone(),
                kind: Some(news.kind.to_owned()),
                name: Some(news.name.clone()),
                namespace: Some(news.namespace.clone()).filter(|_| news.kind == "Pod"),
                resource_version,
                uid: news.uid.clone(),
            },
            last_timestamp: Some(Time(now)),
            message: Some(news.message.clone()),
            metadata: ObjectMeta {
                name: Some(format!("{}.{:x}", news.name, now.as_nanosecond())),
                namespace: Some(news.namespace.clone()),
                ..Default::default()
            },
            reason: Some(news.reason.clone()),
            reporting_component: Some("kubelet".to_owned()),
            reporting_instance: Some(self.node_name.clone()),
            source: Some(EventSource { component: Some("kubelet".to_owned()), host: Some(self.node_name.clone()) }),
            type_: Some(level.to_owned()),
            ..Default::default()
        }
    }
}
