//! What a Deployment says of itself: counts, and the conditions Available, Progressing and ReplicaFailure.

use crate::{
    clock::Time,
    conditions::{self, Condition},
    serde_null::count,
};

use super::{
    object::{Deployment, Status},
    sets::Set,
};

const PROGRESSING: &str = "Progressing";
const REPLICA_FAILURE: &str = "ReplicaFailure";
const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";

/// A condition of a Deployment, which has two times.
fn condition(name: &str, status: &str, reason: &str, message: String, now: Time) -> Condition {
    Condition { last_update_time: Some(now), ..Condition::new(name, status, reason, message, now) }
}

fn progressing(status: &Status) -> Option<&Condition> {
    conditions::get(&status.conditions, PROGRESSING)
}

/// Says that the Deployment has been paused or goes on, for as long as its deadline has not passed.
pub(super) fn note_pause(deployment: &Deployment, status: &mut Status, now: Time) {
    let reason = progressing(status).map(|condition| condition.reason.clone()).unwrap_or_default();
    let (reason, message) = match (deployment.spec.paused, reason == PAUSED) {
        _ if deployment.deadline().is_none() || reason == TIMED_OUT => return,
        (true, true) | (false, false) => return,
        (true, false) => (PAUSED, "Deployment is paused"),
        (false, true) => ("DeploymentResumed", "Deployment is resumed"),
    };
    conditions::set(&mut status.conditions, condition(PROGRESSING, "Unknown", reason, message.into(), now));
}

/// Says that a ReplicaSet was made.
pub(super) fn note_created(deployment: &Deployment, status: &mut Status, name: &str, now: Time) {
    if deployment.deadline().is_some() {
        let message = format!("Created new replica set \"{name}\"");
        conditions::set(&mut status.conditions, condition(PROGRESSING, "True", "NewReplicaSetCreated", message, now));
    }
}

/// Says that a ReplicaSet was there already, if nothing has been said yet.
pub(super) fn note_found(deployment: &Deployment, status: &mut Status, name: &str, now: Time) {
    if deployment.deadline().is_some() && progressing(status).is_none() {
        let message = format!("Found new replica set \"{name}\"");
        conditions::set(&mut status.conditions, condition(PROGRESSING, "True", "FoundNewReplicaSet", message, now));
    }
}

/// The counts and the condition Available.
pub(super) fn counted(deployment: &Deployment, before: &Status, sets: &[Set], new: Option<&Set>, now: Time) -> Status {
    let sum = |of: fn(&Set) -> i64| sets.iter().map(of).sum::<i64>();
    let available = sum(Set::available);
    let unavailable = (sum(|set| set.replicas) - available).max(0);
    let mut status = Status {
        observed_generation: Some(deployment.metadata.generation),
        replicas: count(sum(|set| set.status.replicas)),
        updated_replicas: count(new.map_or(0, |new| new.status.replicas)),
        ready_replicas: count(sum(|set| set.status.ready_replicas.unwrap_or(0))),
        available_replicas: count(available),
        unavailable_replicas: count(unavailable),
        terminating_replicas: terminating(sets),
        collision_count: before.collision_count,
        conditions: before.conditions.clone(),
    };
    let (is_available, reason, message) = match available >= deployment.replicas() - deployment.max_unavailable() {
        true => ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        false => ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
    };
    let available = condition("Available", is_available, reason, message.into(), now);
    conditions::set(&mut status.conditions, available);
    status
}

/// The sum over all sets, unless one of them has not counted yet. A set that is about to be made has none.
fn terminating(sets: &[Set]) -> Option<i64> {
    let made = sets.iter().filter(|set| !set.meta.uid.is_empty());
    made.map(|set| set.status.terminating_replicas).sum()
}

/// Adds to the counts what they say about the progress of a rollout.
pub(super) fn note_progress(
    deployment: &Deployment,
    before: &Status,
    status: &mut Status,
    sets: &[Set],
    new: Option<&Set>,
    now: Time,
) {
    if deployment.deadline().is_none() {
        conditions::remove(&mut status.conditions, PROGRESSING);
    }
    let current = progressing(status).cloned();
    let was_complete = current.as_ref().is_some_and(|current| current.reason == COMPLETE);
    if deployment.deadline().is_some() && !(was_complete && status.replicas == status.updated_replicas) {
        let subject = match new {
            Some(new) => format!("ReplicaSet \"{}\"", new.meta.name),
            None => format!("Deployment \"{}\"", deployment.metadata.name),
        };
        if is_complete(deployment, status) {
            let message = format!("{subject} has successfully progressed.");
            conditions::set(&mut status.conditions, condition(PROGRESSING, "True", COMPLETE, message, now));
        } else if has_progressed(before, status) {
            let mut condition =
                condition(PROGRESSING, "True", "ReplicaSetUpdated", format!("{subject} is progressing."), now);
            if let Some(current) = current.filter(|current| current.status == "True") {
                condition.last_transition_time = current.last_transition_time;
            }
            // Taken away first, so that the time of the update is written even if nothing else differs.
            conditions::remove(&mut status.conditions, PROGRESSING);
            conditions::set(&mut status.conditions, condition);
        } else if has_timed_out(deployment, status, now) {
            let message = format!("{subject} has timed out progressing.");
            conditions::set(&mut status.conditions, condition(PROGRESSING, "False", TIMED_OUT, message, now));
        }
    }
    match failure(sets, new) {
        Some(failure) => conditions::set(
            &mut status.conditions,
            Condition { last_update_time: failure.last_transition_time, ..failure },
        ),
        None => conditions::remove(&mut status.conditions, REPLICA_FAILURE),
    }
}

/// The failure of the new set, or else of any.
fn failure(sets: &[Set], new: Option<&Set>) -> Option<Condition> {
    let of = |set: &Set| conditions::get(&set.status.conditions, REPLICA_FAILURE).cloned();
    new.and_then(of).or_else(|| sets.iter().find_map(of))
}

/// Whether all pods are of the new template and available, and none of another is left.
pub(super) fn is_complete(deployment: &Deployment, status: &Status) -> bool {
    let wanted = count(deployment.replicas());
    status.updated_replicas == wanted
        && status.replicas == wanted
        && status.available_replicas == wanted
        && status.observed_generation.unwrap_or(0) >= deployment.metadata.generation
}

fn has_progressed(before: &Status, status: &Status) -> bool {
    let updated = |status: &Status| status.updated_replicas.unwrap_or(0);
    let old = |status: &Status| status.replicas.unwrap_or(0) - updated(status);
    updated(status) > updated(before)
        || old(status) < old(before)
        || status.ready_replicas > before.ready_replicas
        || status.available_replicas > before.available_replicas
}

fn has_timed_out(deployment: &Deployment, status: &Status, now: Time) -> bool {
    match (deployment.deadline(), progressing(status)) {
        (Some(seconds), Some(current)) if current.reason != COMPLETE => {
            current.reason == TIMED_OUT || current.last_update_time.is_some_and(|since| since.plus(seconds) < now)
        }
        _ => false,
    }
}

/// When to look whether the deadline has passed, if nothing happens before.
pub(super) fn deadline(deployment: &Deployment, status: &Status) -> Option<Time> {
    let current = progressing(status)?;
    let seconds = deployment.deadline()?;
    if is_complete(deployment, status) || matches!(current.reason.as_str(), TIMED_OUT | COMPLETE | PAUSED) {
        return None;
    }
    // One second more, since times are cut to whole seconds.
    Some(current.last_update_time?.plus(seconds + 1))
}
