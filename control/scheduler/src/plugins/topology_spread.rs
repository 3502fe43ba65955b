//! PodTopologySpread: Refuses pods that must be spread over a topology: the scheduler does not count that yet, and says so.
//!
//! Constraints that only wish (`ScheduleAnyway`) are ignored.

use crate::{
    plugin::{Candidate, Plugin, Rejection},
    snapshot::NodeState,
};

pub(crate) const PLUGIN: Plugin = Plugin { filter: Some(filter), score: None };

fn filter(pod: &Candidate<'_>, _: &NodeState) -> Result<(), Rejection> {
    let constraints = &pod.spec.topology_spread_constraints;
    match constraints.iter().any(|constraint| constraint.when_unsatisfiable.as_ref() != "ScheduleAnyway") {
        false => Ok(()),
        true => {
            Err(Rejection::for_good("node(s) cannot be checked for pod topology spread, which is not supported yet"))
        }
    }
}
