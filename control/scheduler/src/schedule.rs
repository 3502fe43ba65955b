//! Decides which node a pod gets, or says in upstream's words why none.

use std::collections::BTreeMap;

use crate::{
    plugin::{Candidate, Cure, PLUGINS, Rejection, Scale, Score},
    snapshot::{NodeState, Snapshot},
    view::Pod,
};

const SCORE_MAX: i64 = 100;

/// The name of the best node for `pod`.
///
/// # Errors
/// Why no node will do, as the pod's condition and event are to say it.
pub(crate) fn schedule(pod: &Pod, snapshot: &Snapshot) -> Result<Box<str>, String> {
    let pod = &Candidate::new(pod);
    let (mut feasible, mut refused) = (Vec::new(), Vec::new());
    for node in snapshot.nodes() {
        match filter(pod, node) {
            Ok(()) => feasible.push(node),
            Err(rejection) => refused.push((node, rejection)),
        }
    }
    match best(pod, &feasible) {
        Some(node) => Ok(node.name.clone()),
        None if refused.is_empty() => Err("no nodes available to schedule pods".to_owned()),
        None => Err(format!("{} {}", unavailable(&refused), preemption(pod, &refused))),
    }
}

fn filter(pod: &Candidate<'_>, node: &NodeState) -> Result<(), Rejection> {
    PLUGINS.iter().filter_map(|plugin| plugin.filter).try_for_each(|filter| filter(pod, node))
}

/// The node with the greatest score; of equals the first by name.
fn best<'a>(pod: &Candidate<'_>, feasible: &[&'a NodeState]) -> Option<&'a NodeState> {
    if let [only] = feasible {
        return Some(only);
    }
    let mut totals = vec![0; feasible.len()];
    for score in PLUGINS.iter().filter_map(|plugin| plugin.score.as_ref()) {
        let raw: Vec<i64> = feasible.iter().map(|node| (score.of)(pod, node)).collect();
        for (total, scaled) in totals.iter_mut().zip(scaled(score, &raw)) {
            *total += scaled * score.weight;
        }
    }
    let best = (0..feasible.len()).rev().max_by_key(|at| totals[*at])?;
    Some(feasible[best])
}

fn scaled(score: &Score, raw: &[i64]) -> Vec<i64> {
    let most = raw.iter().copied().max().unwrap_or(0);
    let part = |raw: i64| if most == 0 { 0 } else { raw * SCORE_MAX / most };
    match score.scale {
        Scale::Absolute => raw.to_vec(),
        Scale::More => raw.iter().map(|raw| part(*raw)).collect(),
        Scale::Less => raw.iter().map(|raw| SCORE_MAX - part(*raw)).collect(),
    }
}

type Refused<'a> = (&'a NodeState, Rejection);

fn unavailable(refused: &[Refused<'_>]) -> String {
    let reasons = refused.iter().flat_map(|(_, rejection)| rejection.reasons.iter().map(String::as_str));
    format!("0/{} nodes are available: {}.", refused.len(), counted(reasons))
}

/// What upstream says of whether stopping other pods would help.
fn preemption(pod: &Pod, refused: &[Refused<'_>]) -> String {
    if pod.spec.preemption_policy.as_ref() == "Never" {
        return "preemption: not eligible due to preemptionPolicy=Never.".to_owned();
    }
    let reason = |(node, rejection): &Refused<'_>| {
        let has_lesser = node.priorities.range(..pod.spec.priority).next().is_some();
        match (rejection.cure, has_lesser) {
            (Cure::None, _) => "Preemption is not helpful for scheduling",
            (Cure::Room, false) => "No preemption victims found for incoming pod",
            (Cure::Room, true) => "Preemption is not supported yet",
        }
    };
    format!("preemption: 0/{} nodes are available: {}.", refused.len(), counted(refused.iter().map(reason)))
}

/// Counts equal reasons, and puts them in order of their text.
fn counted<'a>(reasons: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut texts: Vec<_> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    texts.sort_unstable();
    texts.join(", ")
}
