//! The cluster as the scheduler sees it: nodes, and what the pods on them take. Every change is a small step.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    quantity,
    resources::Resources,
    view::{Node, NodeSpec, Pod, Port},
};

/// `namespace/name` of a pod.
pub(crate) type PodKey = Arc<str>;

/// All nodes and the pods on them.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    nodes: BTreeMap<Box<str>, NodeState>,
    /// What each pod that has a node takes, also of nodes that are not known yet.
    placed: HashMap<PodKey, Placed>,
}

/// One node.
#[derive(Debug, Default)]
pub(crate) struct NodeState {
    /// Whether the node itself is known, or only pods that name it.
    known: bool,
    pub(crate) name: Box<str>,
    pub(crate) labels: BTreeMap<Box<str>, Box<str>>,
    pub(crate) spec: NodeSpec,
    pub(crate) allocatable: Resources,
    pub(crate) pods_max: i64,
    pub(crate) requested: Resources,
    /// Cores and bytes as they count when nodes are compared.
    pub(crate) assumed: (i64, i64),
    pub(crate) pods: i64,
    /// How many pods there are of each priority.
    pub(crate) priorities: BTreeMap<i32, usize>,
    pub(crate) ports: Vec<Port>,
}

/// What one pod takes.
#[derive(Debug)]
struct Placed {
    uid: Box<str>,
    node: Box<str>,
    /// Whether we chose the node and the API has not shown the pod there yet.
    assumed: bool,
    priority: i32,
    requests: Resources,
    ports: Box<[Port]>,
}

/// The key of a pod.
pub(crate) fn key(pod: &Pod) -> PodKey {
    format!("{}/{}", pod.metadata.namespace, pod.metadata.name).into()
}

// === impl Snapshot ===

impl Snapshot {
    /// The nodes that are known, in order of their names.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeState> {
        self.nodes.values().filter(|node| node.known)
    }

    /// Takes in a node, and answers whether anything changed that could matter to a waiting pod.
    pub(crate) fn put_node(&mut self, node: Node) -> bool {
        let state = self.nodes.entry(node.metadata.name.clone()).or_default();
        let allocatable = Resources::read(&node.status.allocatable);
        let pods_max = node.status.allocatable.get("pods").and_then(|text| quantity::whole(text)).unwrap_or(0);
        let same = state.known
            && state.allocatable == allocatable
            && state.pods_max == pods_max
            && state.spec == node.spec
            && state.labels == node.metadata.labels;
        state.known = true;
        state.name = node.metadata.name;
        state.labels = node.metadata.labels;
        (state.spec, state.allocatable, state.pods_max) = (node.spec, allocatable, pods_max);
        !same
    }

    /// Forgets a node, but not what its pods take: it may come again.
    pub(crate) fn remove_node(&mut self, name: &str) {
        if let Some(state) = self.nodes.get_mut(name) {
            state.known = false;
            if state.pods == 0 {
                self.nodes.remove(name);
            }
        }
    }

    /// Forgets all nodes that `keep` does not name.
    pub(crate) fn retain_nodes(&mut self, keep: impl Fn(&str) -> bool) {
        let gone: Vec<_> = self.nodes().filter(|node| !keep(&node.name)).map(|node| node.name.clone()).collect();
        gone.iter().for_each(|name| self.remove_node(name));
    }

    /// Counts a pod on the node that the API shows it on. One that was assumed there is counted already.
    pub(crate) fn place(&mut self, pod: &Pod, node: &str) {
        let key = key(pod);
        if let Some(placed) = self.placed.get_mut(&key)
            && placed.uid == pod.metadata.uid
            && *placed.node == *node
        {
            placed.assumed = false;
            return;
        }
        self.remove_pod(&key);
        self.count(key, pod, node, false);
    }

    /// Counts a pod on a node that was chosen for it and that the API does not know of yet.
    pub(crate) fn assume(&mut self, pod: &Pod, node: &str) {
        let key = key(pod);
        debug_assert!(!self.is_placed(&key), "a pod that has a place is not scheduled");
        self.count(key, pod, node, true);
    }

    /// Forgets that this very pod was assumed somewhere. Answers whether it still was.
    pub(crate) fn forget(&mut self, key: &str, uid: &str) -> bool {
        let is_assumed = self.placed.get(key).is_some_and(|placed| placed.assumed && *placed.uid == *uid);
        is_assumed && self.remove_pod(key)
    }

    fn count(&mut self, key: PodKey, pod: &Pod, node: &str, assumed: bool) {
        let (requests, ports) = (pod.requests(), pod.host_ports().cloned().collect());
        let (uid, priority) = (pod.metadata.uid.clone(), pod.spec.priority);
        let placed = Placed { uid, node: node.into(), assumed, priority, requests, ports };
        self.nodes.entry(node.into()).or_default().count(&placed);
        self.placed.insert(key, placed);
    }

    /// Whether the pod is counted on a node.
    pub(crate) fn is_placed(&self, key: &str) -> bool {
        self.placed.contains_key(key)
    }

    /// Forgets a pod, and answers whether it had been counted.
    pub(crate) fn remove_pod(&mut self, key: &str) -> bool {
        let Some(placed) = self.placed.remove(key) else { return false };
        if let Some(node) = self.nodes.get_mut(&placed.node) {
            node.discount(&placed);
            if node.pods == 0 && !node.known {
                self.nodes.remove(&placed.node);
            }
        }
        true
    }

    /// Forgets all pods whose key and uid `keep` does not name, and answers whether there were any.
    pub(crate) fn retain_pods(&mut self, keep: impl Fn(&str, &str) -> bool) -> bool {
        let gone = self.placed.iter().filter(|(key, placed)| !keep(key, &placed.uid));
        let gone: Vec<_> = gone.map(|(key, _)| key.clone()).collect();
        for key in &gone {
            self.remove_pod(key);
        }
        !gone.is_empty()
    }

    /// How many pods are assumed on a node.
    #[cfg(test)]
    pub(crate) fn assumed_on(&self, node: &str) -> usize {
        self.placed.values().filter(|placed| placed.assumed && *placed.node == *node).count()
    }
}

// === impl NodeState ===

impl NodeState {
    fn count(&mut self, placed: &Placed) {
        let (cpu_milli, memory) = placed.requests.or_assumed();
        self.requested.add(&placed.requests);
        self.assumed = (self.assumed.0 + cpu_milli, self.assumed.1 + memory);
        self.pods += 1;
        *self.priorities.entry(placed.priority).or_default() += 1;
        self.ports.extend(placed.ports.iter().cloned());
    }

    fn discount(&mut self, placed: &Placed) {
        let (cpu_milli, memory) = placed.requests.or_assumed();
        self.requested.subtract(&placed.requests);
        self.assumed = (self.assumed.0 - cpu_milli, self.assumed.1 - memory);
        self.pods -= 1;
        if let Some(count) = self.priorities.get_mut(&placed.priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&placed.priority);
            }
        }
        for port in &placed.ports {
            if let Some(at) = self.ports.iter().position(|known| known == port) {
                self.ports.swap_remove(at);
            }
        }
    }
}
