//! What the scheduler knows and what each change does to it: pure, so that every order of events can be told as a story.
//!
//! # Guarantees
//! The room of a pod is counted from the moment a node was chosen. It is *assumed* until the watch shows the pod on its
//! node, and given back once: by the watch when the pod has gone, or by `refused` while it is still assumed for that very
//! pod. Whichever comes second finds nothing left to give.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::time::Instant;

use crate::{
    queue::Queue,
    report::SCHEDULER,
    schedule::schedule,
    snapshot::{self, Snapshot},
    view::{Node, Object, Pod},
    watch::Change,
};

/// The cluster, and the pods that wait.
#[derive(Debug, Default)]
pub(crate) struct State {
    snapshot: Snapshot,
    queue: Queue,
}

/// What came of a pod's turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is assumed on this node, and to be bound there.
    Bind { pod: Arc<Pod>, node: Box<str> },
    /// It found no node, which people are to be told.
    Tell { pod: Arc<Pod>, message: String },
    /// It found no node for the reason that was told before.
    Known,
}

// === impl State ===

impl State {
    /// Takes in what happened to nodes.
    pub(crate) fn take_nodes(&mut self, change: Change<Node>, now: Instant) {
        let helps = match change {
            Change::All(nodes) => {
                let names: HashSet<_> = nodes.iter().map(|node| node.metadata.name.clone()).collect();
                self.snapshot.retain_nodes(|name| names.contains(name));
                // Each of them is taken in, also after the first that helps.
                nodes.into_iter().filter(|node| self.snapshot.put_node(node.clone())).count() > 0
            }
            Change::Put(node) => self.snapshot.put_node(node),
            Change::Gone(node) => {
                self.snapshot.remove_node(&node.meta().name);
                // The messages of waiting pods count nodes.
                true
            }
        };
        if helps {
            self.queue.helped(now);
        }
    }

    /// Takes in what happened to pods.
    pub(crate) fn take_pods(&mut self, change: Change<Pod>, now: Instant) {
        match change {
            Change::All(pods) => {
                let uids: HashMap<_, _> =
                    pods.iter().map(|pod| (snapshot::key(pod), pod.metadata.uid.clone())).collect();
                let is_there = |key: &str, uid: &str| uids.get(key).is_some_and(|known| **known == *uid);
                let helps = self.snapshot.retain_pods(is_there);
                self.queue.retain(|key| uids.contains_key(key));
                pods.into_iter().for_each(|pod| self.put_pod(pod, now));
                if helps {
                    self.queue.helped(now);
                }
            }
            Change::Put(pod) => self.put_pod(pod, now),
            Change::Gone(pod) => self.remove_pod(&snapshot::key(&pod), now),
        }
    }

    fn put_pod(&mut self, pod: Pod, now: Instant) {
        let key = snapshot::key(&pod);
        let spec = &pod.spec;
        if pod.is_terminal() {
            self.remove_pod(&key, now);
        } else if !spec.node_name.is_empty() {
            self.queue.remove(&key);
            self.snapshot.place(&pod, &spec.node_name);
        } else if &*spec.scheduler_name != SCHEDULER || !spec.scheduling_gates.is_empty() {
            self.queue.remove(&key);
        } else if pod.metadata.deletion_timestamp.is_some() {
            // If it is assumed somewhere, its binding will be refused.
            self.remove_pod(&key, now);
        } else if !self.snapshot.is_placed(&key) {
            self.queue.put(key, Arc::new(pod));
        }
    }

    fn remove_pod(&mut self, key: &str, now: Instant) {
        self.queue.remove(key);
        if self.snapshot.remove_pod(key) {
            self.queue.helped(now);
        }
    }

    /// Schedules one pod, if one is due.
    pub(crate) fn turn(&mut self, now: Instant) -> Option<Turn> {
        let (key, pod) = self.queue.pop(now)?;
        Some(match schedule(&pod, &self.snapshot) {
            Ok(node) => {
                // Counted before it is bound, so that the next pod does not get the same room.
                self.snapshot.assume(&pod, &node);
                Turn::Bind { pod, node }
            }
            Err(message) => match self.queue.failed(&key, &message, now) {
                true => Turn::Tell { pod, message },
                false => Turn::Known,
            },
        })
    }

    /// A binding was not made: the pod gives its room back and is looked at again, unless the watch knows better.
    pub(crate) fn refused(&mut self, pod: &Pod, now: Instant) {
        let key = snapshot::key(pod);
        if self.snapshot.forget(&key, &pod.metadata.uid) {
            self.queue.retry(&key, now);
            self.queue.helped(now);
        }
    }

    /// When the next waiting pod is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.queue.next_due()
    }

    /// How many pods are counted on a node, and on how many of those the API has not said so yet.
    #[cfg(test)]
    pub(crate) fn pods_on(&self, node: &str) -> (i64, usize) {
        let state = self.snapshot.nodes().find(|state| *state.name == *node);
        (state.map_or(0, |state| state.pods), self.snapshot.assumed_on(node))
    }
}
