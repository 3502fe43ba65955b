//! NodeUnschedulable: Keeps pods from cordoned nodes, unless they tolerate that.

use crate::{
    plugin::{Candidate, Plugin, Rejection},
    snapshot::NodeState,
    view::Taint,
};

pub(crate) const PLUGIN: Plugin = Plugin { filter: Some(filter), score: None };

fn filter(pod: &Candidate<'_>, node: &NodeState) -> Result<(), Rejection> {
    let cordon =
        Taint { key: "node.kubernetes.io/unschedulable".into(), value: Box::default(), effect: "NoSchedule".into() };
    let tolerated = || pod.spec.tolerations.iter().any(|toleration| toleration.tolerates(&cordon));
    match !node.spec.unschedulable || tolerated() {
        true => Ok(()),
        false => Err(Rejection::for_good("node(s) were unschedulable")),
    }
}
