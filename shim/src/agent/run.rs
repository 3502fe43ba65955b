//! The agent's one loop: what is heard of pods and containers goes to the worker of the pod concerned.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use runtime::Runtime;
use serde_json::json;
use tokio::task::JoinSet;

use super::admit::{self, Refusal, Requests};
use super::pod::report::write_status;
use super::pod::worker::Worker;
use super::pod::{sandbox, status};
use super::pods::PodEntry;
use super::recorder::{EventType, Writer};
use super::supervise::supervise;
use super::{Agent, node, proxy, services, versions};
use crate::cri::Error;
use crate::cri::message::{
    ContainerEventResponse, ContainerEventType, GetEventsRequest, ListContainersRequest, StopContainerRequest,
};

/// Pods in one page of a list: each is a tree while it is looked at.
const LIST_PAGE: u32 = 100;
/// Seconds that containers have to end when the agent does.
const SHUTDOWN_GRACE_SECONDS: i64 = 5;
/// How long the agent waits for them beyond that.
const SHUTDOWN_SLACK: Duration = Duration::from_secs(2);
/// How long to wait before a refusal is written again.
const REFUSAL_RETRY: Duration = Duration::from_secs(1);

/// What drives an agent.
pub struct Driver {
    agent: Arc<Agent>,
    runtime: Arc<Runtime>,
    writer: Writer,
}

// === impl Driver ===

impl Driver {
    pub(super) fn new(agent: Arc<Agent>, runtime: Arc<Runtime>, writer: Writer) -> Self {
        Self { agent, runtime, writer }
    }

    /// Runs the node until `shutdown`, then ends its containers. Their pods run again when the agent does.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { agent, runtime, writer } = self;
        let mut tasks = JoinSet::new();
        let (table_sender, table) = proxy::channel();
        tasks.spawn(writer.run());
        tasks.spawn(node::run(Arc::clone(&agent)));
        tasks.spawn(node::renew_lease(Arc::clone(&agent)));
        tasks.spawn(versions::run(Arc::clone(&agent)));
        tasks.spawn(services::run(Arc::clone(&agent), runtime, table_sender));
        tasks.spawn(proxy::run(agent.config.network, table));
        // A container's environment names the Services there are: they come first.
        let mut shutdown = std::pin::pin!(shutdown);
        tokio::select! {
            () = agent.services.ready() => {}
            () = &mut shutdown => return,
        }
        let api: Api<Pod> = Api::all(agent.client.clone());
        let selector = watcher::Config::default()
            .fields(&format!("spec.nodeName={}", agent.config.node_name))
            .page_size(LIST_PAGE);
        let mut pods = std::pin::pin!(watcher(api, selector).default_backoff());
        let mut containers = agent.cri.get_container_events(GetEventsRequest {});
        let mut dispatcher = Dispatcher { agent: Arc::clone(&agent), workers: JoinSet::new(), listed: None };
        loop {
            tokio::select! {
                event = pods.next() => match event {
                    Some(Ok(event)) => dispatcher.pod_event(event),
                    Some(Err(err)) => tracing::warn!(%err, "lost the watch of pods"),
                    None => break,
                },
                Some(event) = containers.next() => dispatcher.container_event(event),
                Some(ended) = dispatcher.workers.join_next() => settle(&agent, ended),
                () = &mut shutdown => break,
            }
        }
        dispatcher.workers.shutdown().await;
        stop_containers(&agent).await;
        tasks.shutdown().await;
    }
}

/// What the loop works on.
struct Dispatcher {
    agent: Arc<Agent>,
    /// One for each pod that is at work, and one for each refusal that is not written yet.
    workers: JoinSet<Arc<PodEntry>>,
    /// The uids of a list that is under way.
    listed: Option<HashSet<String>>,
}

// === impl Dispatcher ===

impl Dispatcher {
    fn pod_event(&mut self, event: Event<Pod>) {
        match event {
            Event::Init => self.listed = Some(HashSet::new()),
            Event::InitApply(pod) => {
                if let Some(listed) = self.listed.as_mut() {
                    listed.extend(pod.uid());
                }
                self.applied(&pod);
            }
            Event::InitDone => self.list_done(),
            Event::Apply(pod) => self.applied(&pod),
            Event::Delete(pod) => {
                let Some(entry) = self.agent.pods.get(&pod.uid().unwrap_or_default()) else { return };
                entry.store(&pod);
                self.gone(&entry);
            }
        }
    }

    /// Pods that are not in a whole list are gone, and so are the files of pods that nobody knows.
    fn list_done(&mut self) {
        let Some(listed) = self.listed.take() else { return };
        for entry in self.agent.pods.all().iter().filter(|it| !listed.contains(&it.uid)) {
            self.gone(entry);
        }
        let agent = Arc::clone(&self.agent);
        tokio::task::spawn_blocking(move || {
            let known = |uid: &str| agent.pods.get(uid).is_some();
            remove_unknown(&agent.pods_dir(), known);
            remove_unknown(&agent.logs_dir(), |name| known(name.rsplit('_').next().unwrap_or_default()));
        });
    }

    fn gone(&mut self, entry: &Arc<PodEntry>) {
        entry.mark_gone();
        self.work(entry);
    }

    fn applied(&mut self, pod: &Pod) {
        if let Some(entry) = self.agent.pods.get(&pod.uid().unwrap_or_default()) {
            entry.update(pod);
            if pod.metadata.deletion_timestamp.is_some() {
                self.work(&entry);
            }
            return;
        }
        let entry = PodEntry::new(pod, Requests::of(pod));
        let reported = pod.status.as_ref();
        let ended = matches!(reported.and_then(|it| it.phase.as_deref()), Some("Succeeded" | "Failed"));
        let deleted = pod.metadata.deletion_timestamp.is_some();
        // One that was taken before is not weighed again: it was there first.
        let taken = reported.is_some_and(|it| it.start_time.is_some());
        let admitted = if taken || deleted { Ok(()) } else { self.admit(pod) };
        self.agent.pods.insert(Arc::clone(&entry));
        match (ended && !deleted, admitted) {
            (true, _) => {}
            (false, Ok(())) => self.work(&entry),
            (false, Err(refusal)) => self.refuse(pod, &entry, refusal),
        }
    }

    fn admit(&self, pod: &Pod) -> Result<(), Refusal> {
        let Agent { config, machine, pods, .. } = &*self.agent;
        admit::admit(pod, &config.node_name, &machine.labels, pods.requested(), machine.capacity)
    }

    fn refuse(&mut self, pod: &Pod, entry: &Arc<PodEntry>, refusal: Refusal) {
        let Refusal { reason, message } = refusal;
        tracing::info!(pod = %entry.name, namespace = %entry.namespace, reason, message, "refused");
        self.agent.recorder.pod(pod, None, EventType::Warning, &reason, &message);
        let status = status::refused(pod, &reason, &message, Timestamp::now());
        let patch = json!({"metadata": {"uid": entry.uid}, "status": status});
        let (agent, entry) = (Arc::clone(&self.agent), Arc::clone(entry));
        self.workers.spawn(async move {
            while !write_status(&agent, &entry, patch.clone()).await {
                tokio::time::sleep(REFUSAL_RETRY).await;
            }
            entry
        });
    }

    /// Gives a pod to a worker, unless one has it.
    fn work(&mut self, entry: &Arc<PodEntry>) {
        if entry.at_work.swap(true, Ordering::AcqRel) {
            return;
        }
        let (agent, entry) = (Arc::clone(&self.agent), Arc::clone(entry));
        self.workers.spawn(async move {
            let attempt = || Worker::new(Arc::clone(&agent), Arc::clone(&entry), Timestamp::now()).run();
            supervise(&entry, attempt, || sandbox::remove_all(&agent, &entry)).await;
            entry
        });
    }

    fn container_event(&mut self, event: Result<ContainerEventResponse, Error>) {
        let pods = &self.agent.pods;
        match event {
            Ok(event) if event.container_event_type == i32::from(ContainerEventType::ContainerStoppedEvent) => {
                let uid = event.pod_sandbox_status.and_then(|it| it.metadata).map(|it| it.uid).unwrap_or_default();
                if let Some(entry) = pods.get(&uid) {
                    entry.changed.notify_one();
                }
            }
            Ok(_) => {}
            // Whose news was lost is unknown: all look again.
            Err(_) => pods.all().iter().for_each(|it| it.changed.notify_one()),
        }
    }
}

/// A worker has ended: a pod that is gone is forgotten.
fn settle(agent: &Agent, ended: Result<Arc<PodEntry>, tokio::task::JoinError>) {
    match ended {
        Ok(entry) if entry.is_gone() => agent.pods.remove(&entry.uid),
        Ok(_) => {}
        Err(err) => tracing::error!(%err, "a task of a pod ended badly"),
    }
}

/// Ends all containers; their pods stay, and run again with the next agent.
async fn stop_containers(agent: &Agent) {
    let listed = agent.cri.list_containers(ListContainersRequest::default()).await;
    let stops = listed.map(|it| it.containers).unwrap_or_default().into_iter().map(|it| {
        agent.cri.stop_container(StopContainerRequest { container_id: it.id, timeout: SHUTDOWN_GRACE_SECONDS })
    });
    let limit = Duration::from_secs(SHUTDOWN_GRACE_SECONDS.unsigned_abs()) + SHUTDOWN_SLACK;
    if tokio::time::timeout(limit, futures::future::join_all(stops)).await.is_err() {
        tracing::warn!("some containers did not end in time");
    }
}

/// Removes the directories below `dir` that nobody knows.
fn remove_unknown(dir: &Path, known: impl Fn(&str) -> bool) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if known(&name.to_string_lossy()) {
            continue;
        }
        if let Err(err) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(path = %entry.path().display(), %err, "could not remove the files of a pod that is gone");
        }
    }
}
