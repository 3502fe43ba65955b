//! Decides from what a node says, and from how long it has been silent, its conditions and its taints.

use crate::{
    clock::Time,
    conditions::Condition,
    view::node::{Node, NodeCondition, Taint},
};

/// A node that has been silent for so long is unknown, as upstream's `node-monitor-grace-period` has it.
const GRACE_SECONDS: i64 = 50;

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The conditions that become Unknown when the node is silent.
const REPORTED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
/// Conditions with the status that calls for a taint.
const TAINTED: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
];
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// What to write.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// The conditions that change.
    pub(super) conditions: Vec<NodeCondition>,
    /// All taints, if any changes.
    pub(super) taints: Option<Vec<Taint>>,
    /// Whether the pods on the node cannot be taken for ready any more.
    pub(super) pods_not_ready: bool,
    /// When the node will have been silent for too long.
    pub(super) silent_at: Option<Time>,
}

/// Decides for one node. `heard` is when it last said something.
pub(super) fn plan(node: &Node, heard: Time, some_node_is_ready: bool, now: Time) -> Plan {
    let is_silent = now > heard.plus(GRACE_SECONDS);
    let conditions = if is_silent { unknown(node, now) } else { Vec::new() };
    let mut after = node.clone();
    for changed in &conditions {
        after.status.conditions.retain(|known| known.condition.name != changed.condition.name);
        after.status.conditions.push(changed.clone());
    }
    let taints = taints(&after, some_node_is_ready, now);
    Plan {
        conditions,
        taints: (taints != node.spec.taints).then_some(taints),
        pods_not_ready: after.condition("Ready") == "Unknown",
        silent_at: (!is_silent).then(|| heard.plus(GRACE_SECONDS + 1)),
    }
}

/// The conditions that nobody vouches for any more.
fn unknown(node: &Node, now: Time) -> Vec<NodeCondition> {
    let changed = REPORTED.iter().filter_map(|name| {
        let (heartbeat, reason, message) = match node.find(name) {
            Some(known) if known.condition.status == "Unknown" => return None,
            Some(known) => (known.last_heartbeat_time, "NodeStatusUnknown", "Kubelet stopped posting node status."),
            None => {
                let created = node.metadata.creation_timestamp;
                (created, "NodeStatusNeverUpdated", "Kubelet never posted node status.")
            }
        };
        let condition = Condition::new(name, "Unknown", reason, message.to_owned(), now);
        Some(NodeCondition { last_heartbeat_time: heartbeat, condition })
    });
    changed.collect()
}

/// The taints that the node should have: those that are not ours, and ours as its conditions have them.
fn taints(node: &Node, some_node_is_ready: bool, now: Time) -> Vec<Taint> {
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for (condition, status, key) in TAINTED {
        if node.condition(condition) == status {
            wanted.push((key, "NoSchedule"));
        }
    }
    if node.spec.unschedulable {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    // If no node is ready, more likely we are cut off than all of them are broken: nobody is evicted.
    if some_node_is_ready {
        match node.condition("Ready") {
            "False" => wanted.push((NOT_READY, "NoExecute")),
            "Unknown" => wanted.push((UNREACHABLE, "NoExecute")),
            _ => {}
        }
    }
    let ours = |taint: &Taint| match taint.effect.as_str() {
        "NoSchedule" => taint.key == UNSCHEDULABLE || TAINTED.iter().any(|(_, _, key)| *key == taint.key),
        "NoExecute" => taint.key == NOT_READY || taint.key == UNREACHABLE,
        _ => false,
    };
    let is_wanted = |taint: &Taint| wanted.contains(&(taint.key.as_str(), taint.effect.as_str()));
    let mut taints: Vec<_> =
        node.spec.taints.iter().filter(|taint| !ours(taint) || is_wanted(taint)).cloned().collect();
    for (key, effect) in &wanted {
        if !taints.iter().any(|taint| taint.key == *key && taint.effect == *effect) {
            let (key, effect) = ((*key).to_owned(), (*effect).to_owned());
            taints.push(Taint { key, effect, time_added: Some(now), ..Taint::default() });
        }
    }
    taints
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn node(ready: &str, taints: serde_json::Value) -> Node {
        let conditions = json!([{"type": "Ready", "status": ready}]);
        serde_json::from_value(json!({"spec": {"taints": taints}, "status": {"conditions": conditions}})).unwrap()
    }

    fn keys(plan: &Plan) -> Vec<String> {
        let taints = plan.taints.iter().flatten();
        taints.map(|taint| format!("{}:{}", taint.key.rsplit('/').next().unwrap(), taint.effect)).collect()
    }

    #[test]
    fn the_taint_of_a_new_node_goes_when_it_is_ready() {
        let taint = json!([{"key": NOT_READY, "effect": "NoSchedule"}, {"key": "mine", "effect": "NoSchedule"}]);
        assert_eq!(keys(&plan(&node("True", taint), Time(100), true, Time(100))), ["mine:NoSchedule"]);
    }

    #[test]
    fn a_node_that_is_not_ready_is_tainted_twice_if_another_is_ready() {
        let twice = plan(&node("False", json!([])), Time(100), true, Time(100));
        assert_eq!(keys(&twice), ["not-ready:NoSchedule", "not-ready:NoExecute"]);
        assert!(!twice.pods_not_ready);
        assert_eq!(keys(&plan(&node("False", json!([])), Time(100), false, Time(100))), ["not-ready:NoSchedule"]);
    }

    #[test]
    fn a_silent_node_is_unknown() {
        let plan = plan(&node("True", json!([])), Time(100), true, Time(151));
        let said: Vec<_> = plan.conditions.iter().map(|known| known.condition.reason.as_str()).collect();
        let never = "NodeStatusNeverUpdated";
        assert_eq!(said, ["NodeStatusUnknown", never, never, never]);
        assert_eq!(keys(&plan), ["unreachable:NoSchedule", "unreachable:NoExecute"]);
        assert!(plan.pods_not_ready);
    }

    #[test]
    fn a_node_that_was_just_heard_is_left_alone() {
        let plan = plan(&node("True", json!([])), Time(100), true, Time(150));
        assert_eq!(plan, Plan { silent_at: Some(Time(151)), ..Plan::default() });
    }
}
