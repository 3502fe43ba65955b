//! Runs one pod: asks `phase` for the next step, takes it, writes the status, and waits for news.
//!
//! # Guarantees
//! One worker per uid. While it waits it holds no more than `PodState`: the pod is decoded anew when something happened.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::context::PodContext;
use super::phase::{self, Step, Wish};
use super::probe::Probes;
use super::report::Reporter;
use super::state::PodState;
use super::{adopt, container, exit, health, mount, sandbox, status, stop};
use crate::agent::Agent;
use crate::agent::pods::PodEntry;
use crate::agent::recorder::EventType;

/// How long to wait before something that failed is tried again.
pub(super) const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// How long to wait before a status is written again.
const REPORT_RETRY: SignedDuration = SignedDuration::from_secs(1);

/// Runs one pod.
pub(crate) struct Worker {
    agent: Arc<Agent>,
    entry: Arc<PodEntry>,
    state: PodState,
    probes: Probes,
    reporter: Reporter,
}

/// What comes after a turn.
enum Next {
    Again,
    Wait(Option<Timestamp>),
    /// It has ended; its object remains.
    Rest,
    Done,
}

// === impl Worker ===

impl Worker {
    /// A worker that goes on from what the pod's status says.
    pub(crate) fn new(agent: Arc<Agent>, entry: Arc<PodEntry>, now: Timestamp) -> Self {
        let state = adopt::adopt(&entry.pod(), now);
        let reporter = Reporter::new(&state);
        Self { agent, entry, state, probes: Probes::default(), reporter }
    }

    /// Runs the pod until it is gone, or has ended and is not deleted yet. Cancellation safe between turns.
    pub(crate) async fn run(mut self) {
        loop {
            // Boxed, so that a pod that waits costs no more than its state.
            match Box::pin(self.turn()).await {
                Next::Again => {}
                Next::Wait(until) => self.wait(until).await,
                Next::Done => return self.entry.at_work.store(false, Ordering::Release),
                Next::Rest => {
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

    /// Looks at the pod, takes the next step and writes the status.
    async fn turn(&mut self) -> Next {
        let pod = self.entry.pod();
        let Self { agent, entry, state, probes, reporter } = self;
        let cx = PodContext { agent, entry, pod: &pod };
        exit::look(cx, state, probes).await;
        health::take_findings(&pod, state, std::mem::take(&mut *entry.findings.lock()));
        health::note_changed_images(&pod, state);
        mount::note_changes(cx, state);
        tell_of_ephemeral(cx, state);
        let now = Timestamp::now();
        let had_cause = state.cause.is_some();
        let step = phase::next(&Wish::of(&pod, entry.is_gone()), state, now);
        if let Some(cause) = state.cause.as_ref().filter(|_| !had_cause) {
            cx.tell(EventType::Normal, &cause.reason, &cause.message);
        }
        let report = reporter.report(&cx, state, now);
        let (reported, next) = if step == Step::Delete {
            // First: the last status is what watchers of its deletion see.
            (report.await, take(step, cx, state, probes).await)
        } else {
            // Written while the step is taken: neither waits for the other.
            tokio::join!(report, take(step, cx, state, probes))
        };
        let retry = reporter.note(reported).then_some(now + REPORT_RETRY);
        match (next, retry) {
            (Next::Wait(until), retry) => Next::Wait(until.into_iter().chain(retry).min()),
            (Next::Rest, Some(retry)) => Next::Wait(Some(retry)),
            (next @ (Next::Again | Next::Rest | Next::Done), _) => next,
        }
    }
}

/// Takes a step, and notes in the state what came of it.
async fn take(step: Step, cx: PodContext<'_>, state: &mut PodState, probes: &mut Probes) -> Next {
    match step {
        Step::Mount => state.volumes = mount::mount(cx).await,
        Step::Refresh => state.volumes = mount::refresh(cx, state.volumes).await,
        Step::RunSandbox => state.sandbox = sandbox::run(cx).await,
        Step::Start(which) => container::start(cx, which, state, probes).await,
        Step::Kill(which, grace) => stop::kill(cx, which, state.record(which), grace).await,
        Step::Stop(_) => stop::stop(cx, state, probes).await,
        Step::Delete => {
            let deleted = stop::delete(cx).await;
            return if deleted { Next::Done } else { Next::Wait(Some(Timestamp::now() + RETRY)) };
        }
        Step::Wait(until) => return Next::Wait(until),
        Step::Rest => return Next::Rest,
    }
    Next::Again
}

/// Tells of ephemeral containers, which this node does not run.
fn tell_of_ephemeral(cx: PodContext<'_>, state: &mut PodState) {
    let ephemeral = ephemeral_names(cx.pod);
    for name in ephemeral.iter().skip(state.ephemeral_told) {
        let path = format!("spec.ephemeralContainers{{{name}}}");
        cx.agent.recorder.pod(cx.pod, Some(path), EventType::Warning, "Unsupported", status::NO_EPHEMERAL);
    }
    state.ephemeral_told = ephemeral.len();
}

fn ephemeral_names(pod: &Pod) -> Vec<&str> {
    let ephemeral = pod.spec.as_ref().and_then(|it| it.ephemeral_containers.as_deref()).unwrap_or_default();
    ephemeral.iter().map(|it| it.name.as_str()).collect()
}
