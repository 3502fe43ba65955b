//! Decides how many pods to make, which to delete, and what the status says.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use crate::{
    clock::Time,
    conditions::{self, Condition},
    meta::{Labels, POD_DELETION_COST},
    selector::Selector,
    serde_null::count,
    view::pod::{Phase, Pod},
};

use super::object::{ReplicaSet, Status};

/// One plan makes or deletes at most so many pods, as upstream's burst has it.
const BURST_MAX: usize = 500;

/// What to do with the pods.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: usize,
    pub(super) delete: Vec<Arc<Pod>>,
}

/// What went wrong when the plan was carried out.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Decides from the set, the pods that it owns, and all pods of the sets of the same Deployment.
pub(super) fn plan(set: &ReplicaSet, owned: &[Arc<Pod>], related: &[Arc<Pod>], now: Time) -> Plan {
    let wanted = usize::try_from(set.spec.replicas).unwrap_or(0);
    let active: Vec<_> = owned.iter().filter(|pod| pod.is_active()).cloned().collect();
    match active.len().cmp(&wanted) {
        _ if set.metadata.is_deleting() => Plan::default(),
        Ordering::Equal => Plan::default(),
        Ordering::Less => Plan { create: (wanted - active.len()).min(BURST_MAX), delete: Vec::new() },
        Ordering::Greater => {
            let excess = (active.len() - wanted).min(BURST_MAX);
            Plan { create: 0, delete: least_missed(active, related, excess, now) }
        }
    }
}

/// The `excess` pods that will be missed least.
fn least_missed(mut active: Vec<Arc<Pod>>, related: &[Arc<Pod>], excess: usize, now: Time) -> Vec<Arc<Pod>> {
    if excess < active.len() {
        let mut on_node: HashMap<&str, usize> = HashMap::new();
        for pod in related.iter().filter(|pod| pod.is_active()) {
            *on_node.entry(&pod.spec.node_name).or_default() += 1;
        }
        let neighbors = |pod: &Pod| on_node.get(pod.spec.node_name.as_ref()).copied().unwrap_or(0);
        active.sort_by(|a, b| missed(a, b, neighbors(a), neighbors(b), now));
    }
    active.truncate(excess);
    active
}

/// Less is missed less. The order of the criteria is upstream's `ActivePodsWithRanks`.
fn missed(a: &Pod, b: &Pod, a_neighbors: usize, b_neighbors: usize, now: Time) -> Ordering {
    let assigned = |pod: &Pod| !pod.spec.node_name.is_empty();
    let ready_age = |pod: &Pod| magnitude(pod.status.ready.and_then(|ready| ready.since), now);
    let age = |pod: &Pod| magnitude(pod.metadata.creation_timestamp, now);
    let both_ready = a.is_ready() && b.is_ready();
    assigned(a)
        .cmp(&assigned(b))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| a.is_ready().cmp(&b.is_ready()))
        .then_with(|| deletion_cost(a).cmp(&deletion_cost(b)))
        .then_with(|| b_neighbors.cmp(&a_neighbors))
        .then_with(|| if both_ready { ready_age(a).cmp(&ready_age(b)) } else { Ordering::Equal })
        .then_with(|| b.status.containers.restarts.cmp(&a.status.containers.restarts))
        .then_with(|| age(a).cmp(&age(b)))
        .then_with(|| a.metadata.uid.cmp(&b.metadata.uid))
}

fn phase(pod: &Pod) -> u8 {
    match pod.status.phase {
        Phase::Pending => 0,
        Phase::Unknown => 1,
        Phase::Running => 2,
        Phase::Succeeded | Phase::Failed => 3,
    }
}

fn deletion_cost(pod: &Pod) -> i32 {
    pod.metadata.annotations.get(POD_DELETION_COST).and_then(|cost| cost.parse().ok()).unwrap_or(0)
}

/// The order of magnitude of an age: pods of about the same age are alike, so that scaling down spreads over them.
fn magnitude(since: Option<Time>, now: Time) -> u32 {
    let age = since.map_or(0, |since| now.after(since).as_secs());
    age.checked_ilog2().map_or(0, |magnitude| magnitude + 1)
}

/// What the status is to say.
pub(super) fn status(set: &ReplicaSet, owned: &[Arc<Pod>], failure: Option<Failure>, now: Time) -> Status {
    let template: Labels = serde_json::from_value(set.spec.template["metadata"]["labels"].clone()).unwrap_or_default();
    let fully = Selector {
        match_labels: template.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        ..Selector::default()
    };
    let active = || owned.iter().filter(|pod| pod.is_active());
    let is_available = |pod: &Pod| pod.available_at(set.spec.min_ready_seconds).is_some_and(|at| at <= now);
    let sum = |pods: usize| i64::try_from(pods).unwrap_or(i64::MAX);
    let mut conditions = set.status.conditions.clone();
    match failure {
        None => conditions::remove(&mut conditions, "ReplicaFailure"),
        Some(_) if conditions::get(&conditions, "ReplicaFailure").is_some() => {}
        Some(Failure { reason, message }) => {
            conditions.push(Condition::new("ReplicaFailure", "True", reason, message, now));
        }
    }
    Status {
        replicas: sum(active().count()),
        fully_labeled_replicas: count(sum(active().filter(|pod| fully.matches(&pod.metadata.labels)).count())),
        ready_replicas: count(sum(active().filter(|pod| pod.is_ready()).count())),
        available_replicas: count(sum(active().filter(|pod| is_available(pod)).count())),
        terminating_replicas: Some(sum(owned.iter().filter(|pod| pod.is_terminating()).count())),
        observed_generation: Some(set.metadata.generation),
        conditions,
    }
}

/// When the next pod becomes available just because time passes.
pub(super) fn next_available(set: &ReplicaSet, owned: &[Arc<Pod>], now: Time) -> Option<Time> {
    let times =
        owned.iter().filter(|pod| pod.is_active()).filter_map(|pod| pod.available_at(set.spec.min_ready_seconds));
    times.filter(|at| *at > now).min()
}
