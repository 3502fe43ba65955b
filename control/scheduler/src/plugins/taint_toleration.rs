//! TaintToleration: Keeps pods from nodes with taints that they do not tolerate, and away from those that would rather not have them.

use crate::{
    plugin::{Candidate, Plugin, Rejection, Scale, Score},
    snapshot::NodeState,
    view::Taint,
};

pub(crate) const PLUGIN: Plugin =
    Plugin { filter: Some(filter), score: Some(Score { weight: 3, of: unwelcome, scale: Scale::Less }) };

fn filter(pod: &Candidate<'_>, node: &NodeState) -> Result<(), Rejection> {
    match node.spec.taints.iter().all(|taint| taint.effect.as_ref() == "PreferNoSchedule" || tolerates(pod, taint)) {
        true => Ok(()),
        false => Err(Rejection::for_good("node(s) had untolerated taint(s)")),
    }
}

/// How many taints ask the pod to stay away.
fn unwelcome(pod: &Candidate<'_>, node: &NodeState) -> i64 {
    let soft = node.spec.taints.iter().filter(|taint| taint.effect.as_ref() == "PreferNoSchedule");
    i64::try_from(soft.filter(|taint| !tolerates(pod, taint)).count()).unwrap_or(i64::MAX)
}

fn tolerates(pod: &Candidate<'_>, taint: &Taint) -> bool {
    pod.spec.tolerations.iter().any(|toleration| toleration.tolerates(taint))
}
