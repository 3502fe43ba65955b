//! Decides what a Job does next: which pods to make, to delete and to count, and whether it is over.
//!
//! # Guarantees
//! A pod is counted once. Its uid is written into the status while its finalizer holds it, then the finalizer goes,
//! and only when that is seen does the uid become a count.

use std::sync::Arc;

use crate::{
    clock::Time,
    conditions::{self, Condition},
    events::Type,
    serde_null::count,
    view::pod::{Phase, Pod},
};

use super::object::{Job, Status, Uncounted};

/// Holds a pod until its Job has counted it.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";

/// One plan makes or deletes at most so many pods.
const BURST_MAX: usize = 500;
/// The pause before a failed pod is replaced doubles with each further failure up to the second.
const BACK_OFF_SECONDS_MIN: i64 = 10;
const BACK_OFF_SECONDS_MAX: i64 = 360;

/// What to do, and what to say.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: usize,
    /// Pods to delete that are not to be counted.
    pub(super) drop: Vec<Arc<Pod>>,
    /// Pods to delete that will be counted as failed.
    pub(super) stop: Vec<Arc<Pod>>,
    pub(super) status: Status,
    /// Pods to let go after the status is written.
    pub(super) untrack: Vec<Arc<Pod>>,
    pub(super) events: Vec<(Type, &'static str, &'static str)>,
    pub(super) look_again: Option<Time>,
}

/// Decides from the Job and the pods that it owns.
pub(super) fn plan(job: &Job, pods: &[Arc<Pod>], now: Time) -> Plan {
    let mut plan = Plan { status: job.status.clone(), ..Plan::default() };
    if job.status.is("Complete") || job.status.is("Failed") || job.metadata.is_deleting() {
        plan.untrack = pods.iter().filter(|pod| is_tracked(pod)).cloned().collect();
        return plan;
    }
    count_ended(job, pods, &mut plan);
    note_start(job, &mut plan, now);
    let active: Vec<_> = pods.iter().filter(|pod| pod.is_active()).cloned().collect();
    match verdict(job, &active, &plan, now) {
        Some(verdict) => judge(&verdict, pods, &active, &mut plan, now),
        None => manage(job, pods, active.clone(), &mut plan, now),
    }
    summarize(&active, pods, &mut plan);
    plan
}

/// How a Job ends.
struct Verdict {
    target: &'static str,
    end: &'static str,
    reason: &'static str,
    message: &'static str,
}

const COMPLETED: Verdict = Verdict {
    target: "SuccessCriteriaMet",
    end: "Complete",
    reason: "CompletionsReached",
    message: "Reached expected number of succeeded pods",
};
const TOO_MANY_FAILURES: Verdict = Verdict {
    target: "FailureTarget",
    end: "Failed",
    reason: "BackoffLimitExceeded",
    message: "Job has reached the specified backoff limit",
};
const TOO_LATE: Verdict = Verdict {
    target: "FailureTarget",
    end: "Failed",
    reason: "DeadlineExceeded",
    message: "Job was active longer than specified deadline",
};

fn is_tracked(pod: &Pod) -> bool {
    pod.metadata.has_finalizer(FINALIZER)
}

/// Moves ended pods towards the counts: from held to uncounted, and from let go to counted.
fn count_ended(job: &Job, pods: &[Arc<Pod>], plan: &mut Plan) {
    let held = |uid: &str| pods.iter().any(|pod| *pod.metadata.uid == *uid && is_tracked(pod));
    let mut uncounted = job.status.uncounted_terminated_pods.clone().unwrap_or_default();
    let flush = |list: &mut Vec<Box<str>>| {
        let before = list.len();
        list.retain(|uid| held(uid));
        i64::try_from(before - list.len()).unwrap_or(0)
    };
    let succeeded = job.status.succeeded.unwrap_or(0) + flush(&mut uncounted.succeeded);
    let failed = job.status.failed.unwrap_or(0) + flush(&mut uncounted.failed);
    for pod in pods.iter().filter(|pod| is_tracked(pod)) {
        let list = match pod.status.phase {
            Phase::Succeeded => &mut uncounted.succeeded,
            Phase::Failed => &mut uncounted.failed,
            // One that is deleted from outside will never succeed.
            Phase::Pending | Phase::Running | Phase::Unknown if pod.metadata.is_deleting() => &mut uncounted.failed,
            Phase::Pending | Phase::Running | Phase::Unknown => continue,
        };
        if !list.contains(&pod.metadata.uid) {
            list.push(pod.metadata.uid.clone());
        }
        plan.untrack.push(pod.clone());
    }
    plan.status.succeeded = count(succeeded);
    plan.status.failed = count(failed);
    plan.status.uncounted_terminated_pods = Some(uncounted);
}

/// The counts with those that are on their way into them.
fn totals(status: &Status) -> (i64, i64) {
    let length = |list: &[Box<str>]| i64::try_from(list.len()).unwrap_or(i64::MAX);
    let Uncounted { succeeded, failed } = status.uncounted_terminated_pods.clone().unwrap_or_default();
    (status.succeeded.unwrap_or(0) + length(&succeeded), status.failed.unwrap_or(0) + length(&failed))
}

/// The start, and whether the Job is suspended.
fn note_start(job: &Job, plan: &mut Plan, now: Time) {
    let was_suspended = job.status.is("Suspended");
    let (status, reason, message, event) = match (job.spec.suspend, was_suspended) {
        (false, false) => {
            plan.status.start_time.get_or_insert(now);
            return;
        }
        (true, true) => return,
        (true, false) => ("True", "JobSuspended", "Job suspended", "Suspended"),
        (false, true) => ("False", "JobResumed", "Job resumed", "Resumed"),
    };
    plan.status.start_time = (!job.spec.suspend).then_some(now);
    let condition = condition("Suspended", status, reason, message, now);
    // In its place: a Job's conditions are not reordered when they change.
    match plan.status.conditions.iter_mut().find(|known| known.name == "Suspended") {
        Some(known) => *known = condition,
        None => plan.status.conditions.push(condition),
    }
    plan.events.push((Type::Normal, event, message));
}

fn condition(name: &str, status: &str, reason: &str, message: &str, now: Time) -> Condition {
    Condition { last_probe_time: Some(now), ..Condition::new(name, status, reason, message.to_owned(), now) }
}

/// Whether the Job is over, for better or worse.
fn verdict(job: &Job, active: &[Arc<Pod>], plan: &Plan, now: Time) -> Option<Verdict> {
    let limit = job.spec.backoff_limit.unwrap_or(6);
    let (succeeded, failed) = totals(&plan.status);
    let past = [COMPLETED, TOO_MANY_FAILURES, TOO_LATE].into_iter().find(|verdict| {
        let said = conditions::get(&job.status.conditions, verdict.target);
        said.is_some_and(|said| said.reason == verdict.reason)
    });
    if past.is_some() {
        return past;
    }
    let restarts: i64 = active.iter().map(|pod| pod.status.containers.restarts_total).sum();
    let restarted = job.spec.template["spec"]["restartPolicy"] == "OnFailure" && restarts >= limit.max(1);
    if failed > limit || restarted {
        return Some(TOO_MANY_FAILURES);
    }
    let started = plan.status.start_time.filter(|_| !job.spec.suspend);
    let late = |seconds| started.is_some_and(|started| started.plus(seconds) <= now);
    if job.spec.active_deadline_seconds.is_some_and(late) {
        return Some(TOO_LATE);
    }
    let is_complete = match job.spec.completions {
        Some(completions) => succeeded >= completions,
        None => succeeded > 0 && active.is_empty(),
    };
    (is_complete && !job.spec.suspend).then_some(COMPLETED)
}

/// Announces the end, stops what still runs, and says that it is over when all is counted.
fn judge(verdict: &Verdict, pods: &[Arc<Pod>], active: &[Arc<Pod>], plan: &mut Plan, now: Time) {
    let Verdict { target, end, reason, message } = verdict;
    if conditions::get(&plan.status.conditions, target).is_none() {
        plan.status.conditions.push(condition(target, "True", reason, message, now));
    }
    plan.stop = active.to_vec();
    let counted = plan.status.uncounted_terminated_pods.as_ref().is_none_or(|left| *left == Uncounted::default());
    if !counted || !active.is_empty() || pods.iter().any(|pod| pod.is_terminating()) {
        return;
    }
    plan.status.conditions.push(condition(end, "True", reason, message, now));
    if *end == "Complete" {
        plan.status.completion_time = Some(now);
        plan.events.push((Type::Normal, "Completed", "Job completed"));
    } else {
        plan.events.push((Type::Warning, reason, message));
    }
}

/// Makes and deletes pods, so that as many run as should.
fn manage(job: &Job, pods: &[Arc<Pod>], mut active: Vec<Arc<Pod>>, plan: &mut Plan, now: Time) {
    let (succeeded, _) = totals(&plan.status);
    let parallelism = job.spec.parallelism.unwrap_or(1);
    let running = i64::try_from(active.len()).unwrap_or(i64::MAX);
    let wanted = match job.spec.completions {
        _ if job.spec.suspend => 0,
        Some(completions) => (completions - succeeded).min(parallelism),
        None if succeeded > 0 => running.min(parallelism),
        None => parallelism,
    };
    let waiting = match job.spec.pod_replacement_policy.as_str() {
        "Failed" => pods.iter().filter(|pod| pod.is_terminating()).count(),
        _ => 0,
    };
    if let (Some(started), Some(seconds)) = (plan.status.start_time, job.spec.active_deadline_seconds) {
        plan.look_again = Some(started.plus(seconds));
    }
    let missing = wanted - running - i64::try_from(waiting).unwrap_or(0);
    if missing < 0 && running > wanted {
        // Those that have come least far go first.
        active.sort_by_key(|pod| {
            (!pod.spec.node_name.is_empty(), pod.is_ready(), std::cmp::Reverse(pod.metadata.creation_timestamp))
        });
        active.truncate(usize::try_from(running - wanted.max(0)).unwrap_or(0).min(BURST_MAX));
        plan.drop = active;
        return;
    }
    match retry_at(pods).filter(|at| *at > now) {
        Some(at) if missing > 0 => plan.look_again = plan.look_again.into_iter().chain([at]).min(),
        _ => plan.create = usize::try_from(missing).unwrap_or(0).min(BURST_MAX),
    }
}

/// When the failures since the last success allow another try.
fn retry_at(pods: &[Arc<Pod>]) -> Option<Time> {
    let ended = |phase| pods.iter().filter(move |pod| pod.status.phase == phase).map(|pod| finished_at(pod));
    let success = ended(Phase::Succeeded).max();
    let failures: Vec<_> = ended(Phase::Failed).filter(|at| success.is_none_or(|success| *at > success)).collect();
    let last = failures.iter().max()?;
    let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX);
    let seconds = BACK_OFF_SECONDS_MIN.saturating_mul(1_i64.checked_shl(doublings).unwrap_or(i64::MAX));
    Some(last.plus(seconds.clamp(BACK_OFF_SECONDS_MIN, BACK_OFF_SECONDS_MAX)))
}

fn finished_at(pod: &Pod) -> Time {
    let unready = pod.status.ready.filter(|ready| !ready.is_true).and_then(|ready| ready.since);
    let meta = &pod.metadata;
    let fallback = unready.or(meta.deletion_timestamp).or(meta.creation_timestamp);
    pod.status.containers.finished_at.or(fallback).unwrap_or_default()
}

/// The counts of pods that have not ended, as they will be after the plan.
fn summarize(active: &[Arc<Pod>], pods: &[Arc<Pod>], plan: &mut Plan) {
    let goes = |pod: &Arc<Pod>| plan.drop.iter().chain(&plan.stop).any(|gone| Arc::ptr_eq(gone, pod));
    let stays: Vec<_> = active.iter().filter(|pod| !goes(pod)).collect();
    let sum = |pods: usize| i64::try_from(pods).unwrap_or(i64::MAX);
    plan.status.active = count(sum(stays.len() + plan.create));
    plan.status.ready = Some(sum(stays.iter().filter(|pod| pod.is_ready()).count()));
    let terminating = pods.iter().filter(|pod| pod.is_terminating()).count();
    plan.status.terminating = Some(sum(terminating));
}
