//! The life of a pod on one page: `Sync → Terminating → Terminated`, and the one next step in each.
//!
//! # Flow
//! The worker asks for the step, takes it, notes in `PodState` what came of it and asks again until the step is to wait.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::restart::{self, Policy, Verdict};
use super::state::{Cause, PodState, Sandbox, Stage, Volumes};

/// What of a pod decides its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Seconds that its containers have to end, once it is being deleted.
    pub(crate) deleted: Option<i64>,
    /// Whether its object is gone from the API already.
    pub(crate) gone: bool,
    /// Seconds that its containers have to end otherwise.
    pub(crate) grace_seconds: i64,
    /// Its restart policy.
    pub(crate) policy: Policy,
    /// How long it may run.
    pub(crate) deadline_seconds: Option<i64>,
}

/// Which container of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// An init container.
    Init(usize),
    /// A container.
    Main(usize),
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Get its volumes.
    Mount,
    /// Bring what its volumes show up to date.
    Refresh,
    /// Make its sandbox.
    RunSandbox,
    /// Start one of its containers.
    Start(Which),
    /// End one of its containers, which must not run any more.
    Kill(Which, i64),
    /// End all of its containers within these seconds, then its sandbox.
    Stop(i64),
    /// Forget its sandbox, its logs and its volumes, and remove its object.
    Delete,
    /// Nothing, until something happens or this moment comes.
    Wait(Option<Timestamp>),
    /// Nothing ever, unless it is deleted.
    Rest,
}

// === impl Wish ===

impl Wish {
    /// What a pod wishes.
    pub(crate) fn of(pod: &Pod, gone: bool) -> Self {
        let spec = pod.spec.as_ref();
        let grace_seconds = spec.and_then(|it| it.termination_grace_period_seconds).unwrap_or(30);
        let deleted = pod.metadata.deletion_timestamp.as_ref();
        Self {
            deleted: deleted.map(|_| pod.metadata.deletion_grace_period_seconds.unwrap_or(grace_seconds)),
            gone,
            grace_seconds,
            policy: Policy::parse(spec.and_then(|it| it.restart_policy.as_deref()).unwrap_or_default()),
            deadline_seconds: spec.and_then(|it| it.active_deadline_seconds),
        }
    }
}

/// The next step in a pod's life. Moves `state.stage` on when its time has come.
pub(crate) fn next(wish: &Wish, state: &mut PodState, now: Timestamp) -> Step {
    loop {
        let leave = match state.stage {
            Stage::Sync => leaves_sync(wish, state, now),
            Stage::Terminating | Stage::Terminated => false,
        };
        match (state.stage, leave) {
            (Stage::Sync, true) => state.stage = Stage::Terminating,
            (Stage::Sync, false) => return sync(wish, state, now),
            (Stage::Terminating, _) => return Step::Stop(grace(wish)),
            (Stage::Terminated, _) if wish.gone || wish.deleted.is_some() => return Step::Delete,
            (Stage::Terminated, _) => return Step::Rest,
        }
    }
}

/// Seconds that containers have to end.
pub(crate) fn grace(wish: &Wish) -> i64 {
    match (wish.gone, wish.deleted) {
        (true, None) => 0,
        (_, Some(seconds)) => seconds,
        (false, None) => wish.grace_seconds,
    }
}

/// Whether a pod has run long enough, or to its end.
fn leaves_sync(wish: &Wish, state: &mut PodState, now: Timestamp) -> bool {
    if let Some(limit) = wish.deadline_seconds
        && state.cause.is_none()
        && now >= state.started_at + SignedDuration::from_secs(limit)
    {
        state.cause = Some(Cause {
            reason: "DeadlineExceeded".to_owned(),
            message: "Pod was active on the node longer than the specified deadline".to_owned(),
        });
    }
    wish.gone || wish.deleted.is_some() || state.cause.is_some() || finished(wish.policy, state, now)
}

/// Whether all containers have ended for good, or an init container has failed for good.
fn finished(policy: Policy, state: &PodState, now: Timestamp) -> bool {
    let done = |policy, record| restart::verdict(policy, record, now) == Verdict::Done;
    let init_failed = state.init.iter().any(|it| done(policy.of_init(), it) && !it.succeeded());
    init_failed || (!state.main.is_empty() && state.main.iter().all(|it| done(policy, it)))
}

/// The next step of a pod that shall run.
fn sync(wish: &Wish, state: &PodState, now: Timestamp) -> Step {
    let refresh_at = match state.volumes {
        Volumes::Wanted(at) => return if at <= now { Step::Mount } else { Step::Wait(Some(at)) },
        Volumes::Mounted(mounted) => mounted.refresh_at(),
    };
    if refresh_at.is_some_and(|at| at <= now) {
        return Step::Refresh;
    }
    if let Sandbox::Wanted(at) = state.sandbox {
        return if at <= now { Step::RunSandbox } else { Step::Wait(Some(at)) };
    }
    let deadline = wish.deadline_seconds.map(|limit| state.started_at + SignedDuration::from_secs(limit));
    let mut waits: Vec<Timestamp> = deadline.into_iter().chain(refresh_at).collect();
    let init = state.init.iter().enumerate().map(|(index, it)| (Which::Init(index), it, wish.policy.of_init()));
    let main = state.main.iter().enumerate().map(|(index, it)| (Which::Main(index), it, wish.policy));
    for (which, record, policy) in init.chain(main) {
        match (restart::verdict(policy, record, now), which) {
            (Verdict::Start, which) => return Step::Start(which),
            (Verdict::Running, which) => {
                if let Some(sick) = record.unhealthy {
                    // Where nothing restarts the pod ends, as it does when it is deleted: upstream then takes its grace period.
                    let own = sick.grace_seconds.filter(|_| wish.policy != Policy::Never);
                    return Step::Kill(which, own.unwrap_or(wish.grace_seconds));
                }
            }
            (Verdict::Retry(until) | Verdict::BackOff { until, .. }, _) => waits.push(until),
            (Verdict::Done, _) => continue,
        }
        // The containers after an init container wait for it.
        if matches!(which, Which::Init(_)) {
            break;
        }
    }
    Step::Wait(waits.into_iter().min())
}
