//! Decides which nodes of a DaemonSet get a pod, which pods go, and what the status says.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    clock::Time,
    events::Type,
    serde_null::count,
    view::{
        node::Node,
        pod::{Phase, Pod},
    },
};

use super::{
    fit::{self, Fit},
    object::{DaemonSet, Status},
};

/// The label that tells the pods of two templates apart.
pub(super) const HASH_LABEL: &str = "controller-revision-hash";
/// One plan makes or deletes at most so many pods, as upstream's burst has it.
const BURST_MAX: usize = 250;

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) set: DaemonSet,
    /// The hash of the set's template.
    pub(super) hash: String,
    pub(super) nodes: Vec<Arc<Node>>,
    /// The pods that the set owns.
    pub(super) pods: Vec<Arc<Pod>>,
}

/// What to do, and what to say.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The nodes that get a pod.
    pub(super) create: Vec<Box<str>>,
    pub(super) delete: Vec<Arc<Pod>>,
    pub(super) events: Vec<(Type, &'static str, String)>,
}

/// A node with the set's pods on it, the oldest first.
struct Place<'a> {
    node: &'a Node,
    fit: Fit,
    pods: Vec<&'a Arc<Pod>>,
}

/// Decides what to do with the pods.
pub(super) fn plan(observed: &Observed, now: Time) -> Plan {
    let mut plan = Plan::default();
    if observed.set.metadata.is_deleting() {
        return plan;
    }
    let places = places(observed);
    let desired = places.iter().filter(|place| place.fit == Fit::Runs).count();
    let (surge, unavailable) = observed.set.fenceposts(desired);
    let surges = observed.set.is_rolling() && surge > 0;
    for place in &places {
        manage(place, observed, surges, &mut plan, now);
    }
    // The pods of nodes that are gone are left to the collector of pods.
    if plan.create.is_empty() && plan.delete.is_empty() && observed.set.is_rolling() {
        match surges {
            true => surge_over(&places, observed, surge, &mut plan, now),
            false => replace(&places, observed, unavailable, &mut plan, now),
        }
    }
    plan.create.truncate(BURST_MAX);
    plan.delete.truncate(BURST_MAX);
    plan
}

fn places(observed: &Observed) -> Vec<Place<'_>> {
    let spec = fit::pod_spec(&observed.set.spec.template);
    let mut on_node: BTreeMap<&str, Vec<&Arc<Pod>>> = BTreeMap::new();
    for pod in observed.pods.iter().filter(|pod| !(pod.is_terminal() && pod.metadata.is_deleting())) {
        on_node.entry(pod.node()).or_default().push(pod);
    }
    let place = |node: &'_ Arc<Node>| {
        let mut pods = on_node.remove(&*node.metadata.name).unwrap_or_default();
        pods.sort_by_key(|pod| (pod.spec.node_name.is_empty(), pod.metadata.creation_timestamp, &pod.metadata.name));
        (fit::fit(&spec, node), pods)
    };
    let placed: Vec<_> = observed.nodes.iter().map(place).collect();
    let nodes = observed.nodes.iter().zip(placed);
    nodes.map(|(node, (fit, pods))| Place { node, fit, pods }).collect()
}

/// One pod on each node that is to have one, and none elsewhere.
fn manage(place: &Place<'_>, observed: &Observed, surges: bool, plan: &mut Plan, now: Time) {
    let live = || place.pods.iter().filter(|pod| !pod.metadata.is_deleting());
    match place.fit {
        Fit::Runs if place.pods.is_empty() => return plan.create.push((*place.node.metadata.name).into()),
        Fit::None => return plan.delete.extend(live().map(|pod| Arc::clone(pod))),
        Fit::Runs | Fit::Keeps => {}
    }
    for pod in live().filter(|pod| pod.is_terminal()) {
        let (name, node) = (&pod.metadata.name, &place.node.metadata.name);
        plan.events.push(match pod.status.phase {
            Phase::Succeeded => {
                let message = format!("Found succeeded daemon pod {name} on node {node}, will try to delete it");
                (Type::Normal, "SucceededDaemonPod", message)
            }
            Phase::Failed | Phase::Pending | Phase::Running | Phase::Unknown => {
                let message = format!("Found failed daemon pod {name} on node {node}, will try to kill it");
                (Type::Warning, "FailedDaemonPod", message)
            }
        });
        plan.delete.push(Arc::clone(pod));
    }
    let running: Vec<&Arc<Pod>> = live().filter(|pod| pod.is_active()).copied().collect();
    if !surges {
        plan.delete.extend(running.into_iter().skip(1).cloned());
        return;
    }
    if running.is_empty() && place.fit == Fit::Runs && place.pods.iter().all(|pod| pod.metadata.is_deleting()) {
        return plan.create.push((*place.node.metadata.name).into());
    }
    let (new, old): (Vec<&Arc<Pod>>, Vec<&Arc<Pod>>) = running.into_iter().partition(|pod| is_new(pod, observed));
    let done = match (new.first(), old.first()) {
        (Some(new), Some(old)) => !old.is_ready() || is_available(new, observed, now),
        (Some(_) | None, _) => false,
    };
    let excess = new.iter().skip(1).chain(old.iter().skip(if done { 0 } else { 1 }));
    plan.delete.extend(excess.map(|pod| Arc::clone(pod)));
}

/// Deletes old pods, so that at most `unavailable_max` nodes are without an available one.
fn replace(places: &[Place<'_>], observed: &Observed, unavailable_max: usize, plan: &mut Plan, now: Time) {
    let (mut unavailable, mut candidates) = (0, Vec::new());
    for place in places.iter().filter(|place| !place.pods.is_empty() || place.fit == Fit::Runs) {
        let mut live = place.pods.iter().filter(|pod| pod.is_active());
        match live.next() {
            Some(pod) if is_new(pod, observed) => unavailable += usize::from(!is_available(pod, observed, now)),
            // It serves nobody, so that nothing is lost with it.
            Some(pod) if !is_available(pod, observed, now) => {
                unavailable += 1;
                plan.delete.push(Arc::clone(pod));
            }
            Some(pod) => candidates.push(Arc::clone(pod)),
            None => unavailable += 1,
        }
    }
    plan.delete.extend(candidates.into_iter().take(unavailable_max.saturating_sub(unavailable)));
}

/// Makes new pods beside old ones, at most `surge_max` at a time. `manage` deletes the old ones later.
fn surge_over(places: &[Place<'_>], observed: &Observed, surge_max: usize, plan: &mut Plan, now: Time) {
    let (mut surging, mut candidates) = (0, Vec::new());
    for place in places.iter().filter(|place| place.fit == Fit::Runs) {
        let live = || place.pods.iter().filter(|pod| pod.is_active());
        let has_new = live().any(|pod| is_new(pod, observed));
        match live().find(|pod| !is_new(pod, observed)) {
            Some(_) if has_new => surging += 1,
            Some(old) if !is_available(old, observed, now) => plan.create.push((*place.node.metadata.name).into()),
            Some(_) => candidates.push((*place.node.metadata.name).into()),
            None => {}
        }
    }
    plan.create.extend(candidates.into_iter().take(surge_max.saturating_sub(surging)));
}

fn is_new(pod: &Pod, observed: &Observed) -> bool {
    pod.metadata.labels.get(HASH_LABEL) == Some(&observed.hash)
}

fn is_available(pod: &Pod, observed: &Observed, now: Time) -> bool {
    pod.available_at(observed.set.spec.min_ready_seconds).is_some_and(|at| at <= now)
}

/// What the status is to say.
pub(super) fn status(observed: &Observed, now: Time) -> Status {
    let set = &observed.set;
    let (mut status, mut available, mut updated) = (Status::default(), 0, 0);
    for place in places(observed) {
        match (place.fit, place.pods.first()) {
            (Fit::Runs, Some(oldest)) => {
                status.desired_number_scheduled += 1;
                status.current_number_scheduled += 1;
                status.number_ready += i64::from(oldest.is_ready());
                available += i64::from(oldest.is_ready() && is_available(oldest, observed, now));
                updated += i64::from(is_new(oldest, observed));
            }
            (Fit::Runs, None) => status.desired_number_scheduled += 1,
            (Fit::Keeps | Fit::None, Some(_)) => status.number_misscheduled += 1,
            (Fit::Keeps | Fit::None, None) => {}
        }
    }
    status.number_available = count(available);
    status.number_unavailable = count(status.desired_number_scheduled - available);
    status.updated_number_scheduled = count(updated);
    status.observed_generation = Some(set.metadata.generation);
    status.collision_count = set.status.collision_count;
    status
}

/// When the next pod becomes available just because time passes.
pub(super) fn next_available(observed: &Observed, now: Time) -> Option<Time> {
    let seconds = observed.set.spec.min_ready_seconds;
    observed.pods.iter().filter_map(|pod| pod.available_at(seconds)).filter(|at| *at > now).min()
}
