//! What a scheduler plugin is, and the table of all of them in the order that they are asked.

use std::ops::Deref;

use crate::{plugins, resources::Resources, snapshot::NodeState, view::Pod};

/// A pod that looks for a node, with what is computed of it once for all nodes.
pub(crate) struct Candidate<'a> {
    pod: &'a Pod,
    pub(crate) requests: Resources,
}

/// One criterion: which nodes a pod can run on, and which of them suit it better.
pub(crate) struct Plugin {
    /// Refuses nodes.
    pub(crate) filter: Option<Filter>,
    pub(crate) score: Option<Score>,
}

/// Whether a pod can run on a node.
type Filter = fn(&Candidate<'_>, &NodeState) -> Result<(), Rejection>;

/// How a plugin compares the nodes that are left.
pub(crate) struct Score {
    /// How much it counts among the others.
    pub(crate) weight: i64,
    pub(crate) of: fn(&Candidate<'_>, &NodeState) -> i64,
    pub(crate) scale: Scale,
}

/// How raw scores become 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// They are so already.
    Absolute,
    /// The greatest becomes 100.
    More,
    /// Zero becomes 100 and the greatest becomes 0.
    Less,
}

/// Why a node was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// In upstream's words; a node can lack several things at once.
    pub(crate) reasons: Vec<String>,
    pub(crate) cure: Cure,
}

/// What would help a refused pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cure {
    /// Fewer pods on the node.
    Room,
    /// Nothing that the scheduler can do.
    None,
}

/// All plugins. For each node, the first that refuses it gives the reason.
pub(crate) const PLUGINS: &[Plugin] = &[
    plugins::node_unschedulable::PLUGIN,
    plugins::node_name::PLUGIN,
    plugins::taint_toleration::PLUGIN,
    plugins::node_affinity::PLUGIN,
    plugins::node_ports::PLUGIN,
    plugins::node_resources::FIT,
    plugins::node_resources::BALANCE,
    plugins::topology_spread::PLUGIN,
    plugins::pod_affinity::PLUGIN,
];

// === impl Candidate ===

impl<'a> Candidate<'a> {
    /// Prepares `pod` for the plugins.
    pub(crate) fn new(pod: &'a Pod) -> Self {
        Self { pod, requests: pod.requests() }
    }
}

impl Deref for Candidate<'_> {
    type Target = Pod;

    fn deref(&self) -> &Pod {
        self.pod
    }
}

// === impl Rejection ===

impl Rejection {
    /// A refusal that more room would not cure.
    pub(crate) fn for_good(reason: &str) -> Self {
        Self { reasons: vec![reason.to_owned()], cure: Cure::None }
    }

    /// A refusal that lasts as long as the node's pods do.
    pub(crate) fn for_now(reason: &str) -> Self {
        Self { reasons: vec![reason.to_owned()], cure: Cure::Room }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plugin_does_something() {
        assert!(PLUGINS.iter().all(|plugin| plugin.filter.is_some() || plugin.score.is_some()));
    }
}
