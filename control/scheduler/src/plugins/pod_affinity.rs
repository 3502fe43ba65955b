//! InterPodAffinity: Refuses pods that require to be near or far from other pods: the scheduler does not weigh that yet, and says so.
//!
//! Preferences are ignored, as upstream ignores those that no node meets.

use crate::{
    plugin::{Candidate, Plugin, Rejection},
    snapshot::NodeState,
    view::PodAffinity,
};

pub(crate) const PLUGIN: Plugin = Plugin { filter: Some(filter), score: None };

fn filter(pod: &Candidate<'_>, _: &NodeState) -> Result<(), Rejection> {
    let requires = |affinity: Option<&PodAffinity>| affinity.is_some_and(|affinity| !affinity.required.is_empty());
    match pod.spec.affinity.as_ref() {
        Some(affinity) if requires(affinity.pod_affinity.as_ref()) => {
            Err(Rejection::for_good("node(s) cannot be checked for required pod affinity, which is not supported yet"))
        }
        Some(affinity) if requires(affinity.pod_anti_affinity.as_ref()) => Err(Rejection::for_good(
            "node(s) cannot be checked for required pod anti-affinity, which is not supported yet",
        )),
        _ => Ok(()),
    }
}
