//! NodeName: Keeps a pod that names its node from all others.

use crate::{
    plugin::{Candidate, Plugin, Rejection},
    snapshot::NodeState,
};

pub(crate) const PLUGIN: Plugin = Plugin { filter: Some(filter), score: None };

fn filter(pod: &Candidate<'_>, node: &NodeState) -> Result<(), Rejection> {
    match pod.spec.node_name.is_empty() || pod.spec.node_name == node.name {
        true => Ok(()),
        false => Err(Rejection::for_good("node(s) didn't match the requested node name")),
    }
}
