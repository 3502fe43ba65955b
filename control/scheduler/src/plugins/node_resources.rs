//! NodeResourcesFit and NodeResourcesBalancedAllocation: Keeps nodes from taking more than they have, and prefers those with much left in good balance.

use crate::{
    plugin::{Candidate, Cure, Plugin, Rejection, Scale, Score},
    snapshot::NodeState,
};

pub(crate) const FIT: Plugin =
    Plugin { filter: Some(fit), score: Some(Score { weight: 1, of: least_allocated, scale: Scale::Absolute }) };

pub(crate) const BALANCE: Plugin =
    Plugin { filter: None, score: Some(Score { weight: 1, of: balance, scale: Scale::Absolute }) };

const SCORE_MAX: i64 = 100;

fn fit(pod: &Candidate<'_>, node: &NodeState) -> Result<(), Rejection> {
    let wanted = &pod.requests;
    let mut rejection = Rejection { reasons: Vec::new(), cure: Cure::Room };
    if node.pods + 1 > node.pods_max {
        rejection.reasons.push("Too many pods".to_owned());
    }
    let (has, taken) = (&node.allocatable, &node.requested);
    let mut check = |name: &str, wanted: i64, has: i64, taken: i64| {
        if wanted > 0 && wanted > has - taken {
            rejection.reasons.push(format!("Insufficient {name}"));
            if wanted > has {
                rejection.cure = Cure::None;
            }
        }
    };
    check("cpu", wanted.cpu_milli, has.cpu_milli, taken.cpu_milli);
    check("memory", wanted.memory, has.memory, taken.memory);
    check("ephemeral-storage", wanted.ephemeral_storage, has.ephemeral_storage, taken.ephemeral_storage);
    for (name, wanted) in &wanted.others {
        check(name, *wanted, has.other(name), taken.other(name));
    }
    if rejection.reasons.is_empty() { Ok(()) } else { Err(rejection) }
}

/// How much of cores and memory would be left, as the mean of two percentages.
fn least_allocated(pod: &Candidate<'_>, node: &NodeState) -> i64 {
    let (cpu_milli, memory) = pod.requests.or_assumed();
    let left = |has: i64, taken: i64| if taken > has || has == 0 { 0 } else { (has - taken) * SCORE_MAX / has };
    let cpu = left(node.allocatable.cpu_milli, node.assumed.0 + cpu_milli);
    i64::midpoint(cpu, left(node.allocatable.memory, node.assumed.1 + memory))
}

/// How near to each other the used parts of cores and memory would be.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a score needs two digits")]
fn balance(pod: &Candidate<'_>, node: &NodeState) -> i64 {
    let wanted = &pod.requests;
    let part = |has: i64, taken: i64| if has == 0 { 0.0 } else { (taken as f64 / has as f64).min(1.0) };
    let cpu = part(node.allocatable.cpu_milli, node.requested.cpu_milli + wanted.cpu_milli);
    let memory = part(node.allocatable.memory, node.requested.memory + wanted.memory);
    // The standard deviation of two values is half their distance.
    ((1.0 - (cpu - memory).abs() / 2.0) * SCORE_MAX as f64) as i64
}
