//! Decides which pods nobody will ever look after again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{clock::Time, view::pod::Pod};

/// A pod on a node that does not exist gets so long, as the node may be about to come.
const QUARANTINE_SECONDS: i64 = 40;
/// More ended pods than these are forgotten, the oldest first.
const ENDED_MAX: usize = 12_500;

/// Since when each node has been missing that some pod names.
pub(super) type Missing = BTreeMap<Box<str>, Time>;

/// Which pods to delete.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Their node does not exist.
    pub(super) orphaned: Vec<Arc<Pod>>,
    /// They have ended long ago, or were to be deleted before they got a node.
    pub(super) useless: Vec<Arc<Pod>>,
}

/// Decides about all pods, and keeps account of nodes that are missing.
pub(super) fn plan(pods: &[Arc<Pod>], nodes: &BTreeSet<Box<str>>, missing: &mut Missing, now: Time) -> Plan {
    let mut plan = Plan::default();
    let mut ended = Vec::new();
    let mut still_missing = Missing::new();
    for pod in pods {
        let node = &pod.spec.node_name;
        if node.is_empty() {
            if pod.metadata.is_deleting() {
                plan.useless.push(pod.clone());
            }
        } else if !nodes.contains(node) {
            let since = missing.get(node).copied().unwrap_or(now);
            still_missing.insert(node.clone(), since);
            if now >= since.plus(QUARANTINE_SECONDS) {
                plan.orphaned.push(pod.clone());
                continue;
            }
        }
        if pod.is_terminal() && !pod.metadata.is_deleting() {
            ended.push(pod.clone());
        }
    }
    *missing = still_missing;
    ended.sort_by_key(|pod| (pod.metadata.creation_timestamp, pod.metadata.name.clone()));
    let excess = ended.len().saturating_sub(ENDED_MAX);
    plan.useless.extend(ended.into_iter().take(excess));
    plan
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_on_a_missing_node_goes_after_a_while() {
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": {"nodeName": "gone"}})).unwrap();
        let (pods, mut missing) = ([Arc::new(pod)], Missing::new());
        let mut at = |now| plan(&pods, &BTreeSet::new(), &mut missing, Time(now)).orphaned.len();
        assert_eq!([at(0), at(39), at(40)], [0, 0, 1]);
        plan(&pods, &["gone".into()].into(), &mut missing, Time(41));
        assert!(missing.is_empty());
    }
}
