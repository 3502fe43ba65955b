//! Runs one pod: asks `phase` for the next step, does it, writes the status, and waits for news.
//!
//! # Guarantees
//! One worker per uid. While it waits it holds no more than `Life`: the pod is decoded anew when something happened.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::life::{Life, Record, Stage, Unhealthy, Volumes};
use super::phase::{self, Step, Which, Wish};
use super::probe::{Probes, Purpose};
use super::{condition, status};
use crate::agent::Agent;
use crate::agent::pods::Entry;
use crate::agent::recorder::Kind;

/// The label that names a sandbox's pod.
pub(in crate::agent) const UID_LABEL: &str = "io.kubernetes.pod.uid";
/// How long to wait before something that failed is tried again.
pub(super) const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// How long to wait before a status is written again.
const REPORT_RETRY: SignedDuration = SignedDuration::from_secs(1);

/// Runs one pod.
pub(crate) struct Worker {
    pub(super) agent: Arc<Agent>,
    pub(super) entry: Arc<Entry>,
    pub(super) life: Life,
    /// The probes of main containers that run, by index.
    pub(super) probes: Vec<(usize, Probes)>,
    /// What was written last, hashed; `None` if that failed.
    written: Option<u64>,
    /// Ephemeral containers that an event told of.
    ephemeral_told: usize,
    /// The pod had ended before this worker came: its status is history.
    silent: bool,
}

/// What comes after a turn.
pub(super) enum After {
    Again,
    Wait(Option<Timestamp>),
    /// It has ended; its object remains.
    Rest,
    Done,
}

// === impl Worker ===

impl Worker {
    /// A worker for a pod with the life that it has had.
    pub(crate) fn new(agent: Arc<Agent>, entry: Arc<Entry>, life: Life) -> Self {
        let silent = life.stage == Stage::Terminated;
        Self { agent, entry, life, probes: Vec::new(), written: None, ephemeral_told: 0, silent }
    }

    /// Runs the pod until it is gone, or has ended and is not deleted yet. Cancellation safe between turns.
    pub(crate) async fn run(mut self) {
        loop {
            // Boxed, so that a pod that waits costs no more than its life.
            match Box::pin(self.turn()).await {
                After::Again => {}
                After::Wait(until) => self.wait(until).await,
                After::Done => return self.entry.at_work.store(false, Ordering::Release),
                After::Rest => {
                    self.entry.at_work.store(false, Ordering::Release);
                    // Deleted in this moment: whoever told of it may have thought that this worker would hear.
                    if !self.entry.is_ending() || self.entry.at_work.swap(true, Ordering::AcqRel) {
                        return;
                    }
                }
            }
        }
    }

    async fn wait(&self, until: Option<Timestamp>) {
        let changed = self.entry.changed.notified();
        match until {
            None => changed.await,
            Some(until) => {
                let left = until.duration_since(Timestamp::now());
                let left = Duration::try_from(left).unwrap_or_default();
                // Either is a reason to look again.
                let _ = tokio::time::timeout(left, changed).await;
            }
        }
    }

    async fn turn(&mut self) -> After {
        let pod = self.entry.pod();
        self.observe(&pod).await;
        self.take_findings(&pod);
        self.see_changes(&pod);
        let wish = Wish::of(&pod, self.entry.is_gone());
        let now = Timestamp::now();
        let had_cause = self.life.cause.is_some();
        let step = phase::next(&wish, &mut self.life, now);
        if let Some(cause) = self.life.cause.as_ref().filter(|_| !had_cause) {
            self.agent.recorder.pod(&pod, None, Kind::Normal, &cause.reason, &cause.message);
        }
        let report = self.report(&pod, now);
        match step {
            Step::Wait(until) => {
                let retry = self.sent(report.await).then_some(now + REPORT_RETRY);
                return After::Wait(until.into_iter().chain(retry).min());
            }
            Step::Rest => {
                return if self.sent(report.await) { After::Wait(Some(now + REPORT_RETRY)) } else { After::Rest };
            }
            Step::Delete => {
                self.sent(report.await);
                return self.delete(&pod).await;
            }
            // Written while the step is taken: neither waits for the other.
            Step::Mount => {
                let (report, ()) = tokio::join!(report, self.mount(&pod));
                self.sent(report);
            }
            Step::RunSandbox => {
                let (report, ()) = tokio::join!(report, self.run_sandbox(&pod));
                self.sent(report);
            }
            Step::Start(which) => {
                let (report, ()) = tokio::join!(report, self.start(&pod, which));
                self.sent(report);
            }
            Step::Kill(which, grace) => {
                let (report, ()) = tokio::join!(report, self.kill(&pod, which, grace));
                self.sent(report);
            }
            Step::Stop(_) => {
                let (report, ()) = tokio::join!(report, self.stop(&pod));
                self.sent(report);
            }
        }
        After::Again
    }

    /// Writes the status if it is not what was written last; answers its hash, or `None` if that failed.
    fn report(&mut self, pod: &Pod, now: Timestamp) -> impl Future<Output = Option<u64>> + use<> {
        let status = status::derive(pod, &self.life, &self.agent.config.host_ip.to_string(), now);
        self.life.transitions = condition::transitions(status.conditions.as_deref().unwrap_or_default());
        let patch = json!({"metadata": {"uid": self.entry.uid}, "status": status});
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(patch.to_string());
        let unchanged = self.written == Some(hash) || self.silent || self.entry.is_gone();
        let (agent, entry) = (Arc::clone(&self.agent), Arc::clone(&self.entry));
        async move { if unchanged || write_status(&agent, &entry, patch).await { Some(hash) } else { None } }
    }

    /// Notes what came of a report; whether it must be tried again.
    fn sent(&mut self, hash: Option<u64>) -> bool {
        self.written = hash;
        hash.is_none()
    }

    /// Notes what probes found about containers that still run.
    fn take_findings(&mut self, pod: &Pod) {
        let findings = std::mem::take(&mut *self.entry.findings.lock());
        for finding in findings {
            let same = |it: &&mut Record| it.run.as_ref().is_some_and(|run| run.id == finding.run_id);
            let Some(record) = self.life.main.iter_mut().find(same) else { continue };
            match (finding.purpose, finding.passed) {
                (Purpose::Startup, true) => record.started = true,
                (Purpose::Readiness, ready) => record.ready = ready,
                (Purpose::Startup | Purpose::Liveness, false) => {
                    record.unhealthy = Some(finding.purpose.sick(finding.grace_seconds));
                }
                (Purpose::Liveness, true) => {}
            }
        }
        // Without a readiness probe a container is ready as soon as it has started.
        let spec = pod.spec.as_ref().map(|it| it.containers.as_slice()).unwrap_or_default();
        for (record, container) in self.life.main.iter_mut().zip(spec) {
            let passed = record.ready || container.readiness_probe.is_none();
            record.ready = passed && record.started;
        }
    }

    /// Notes which containers run an image that the pod does not ask for any more, and tells of what it asks in vain.
    fn see_changes(&mut self, pod: &Pod) {
        let spec = pod.spec.as_ref().map(|it| it.containers.as_slice()).unwrap_or_default();
        for (record, container) in self.life.main.iter_mut().zip(spec) {
            let asked = container.image.as_deref().unwrap_or_default();
            if record.run.as_ref().is_some_and(|run| run.ended.is_none() && run.image != asked) {
                record.unhealthy = Some(Unhealthy { why: "definition changed", grace_seconds: None });
            }
        }
        let ephemeral = pod.spec.as_ref().and_then(|it| it.ephemeral_containers.as_deref()).unwrap_or_default();
        for it in ephemeral.iter().skip(self.ephemeral_told) {
            let path = format!("spec.ephemeralContainers{{{}}}", it.name);
            self.agent.recorder.pod(pod, Some(path), Kind::Warning, "Unsupported", status::NO_EPHEMERAL);
        }
        self.ephemeral_told = ephemeral.len();
    }

    pub(super) fn record(&mut self, which: Which) -> &mut Record {
        match which {
            Which::Init(index) => &mut self.life.init[index],
            Which::Main(index) => &mut self.life.main[index],
        }
    }

    /// Tells an event of one of the pod's containers.
    pub(super) fn tell(&mut self, pod: &Pod, which: Which, level: Kind, reason: &str, message: &str) {
        let name = &self.record(which).name;
        let path = match which {
            Which::Init(_) => format!("spec.initContainers{{{name}}}"),
            Which::Main(_) => format!("spec.containers{{{name}}}"),
        };
        self.agent.recorder.pod(pod, Some(path), level, reason, message);
    }

    /// Notes that its volumes are there, or when to try again.
    pub(super) fn note_mounted(&mut self, mounted: bool) {
        self.life.volumes = if mounted { Volumes::Mounted } else { Volumes::Wanted(Timestamp::now() + RETRY) };
    }
}

/// Writes a status; false if it must be tried again.
pub(in crate::agent) async fn write_status(agent: &Agent, entry: &Entry, patch: serde_json::Value) -> bool {
    let api: Api<Pod> = Api::namespaced(agent.client.clone(), &entry.namespace);
    match api.patch_status(&entry.name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(pod) => {
            // The worker knows what it wrote; others ask the entry before the watch has told of it.
            entry.store(&pod);
            true
        }
        // Gone, or another pod has its name: there is nobody to tell.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => {
            tracing::debug!(pod = %entry.name, message = %status.message, "a status was not taken");
            true
        }
        Err(err) => {
            tracing::warn!(pod = %entry.name, %err, "could not write a status");
            false
        }
    }
}
