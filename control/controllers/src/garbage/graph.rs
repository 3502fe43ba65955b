//! Who owns whom: the objects that have owners, or that wait for their dependents, by uid.
//!
//! An object without owners is not kept: whether it exists can be asked when it matters.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    api::Resource,
    meta::{Meta, Owner},
};

/// Holds an object until its dependents are gone.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Holds an object until its dependents have forgotten it.
pub(super) const ORPHAN: &str = "orphan";

/// An object's `metadata.uid`.
pub(super) type Uid = Arc<str>;

/// The objects that matter.
#[derive(Default)]
pub(super) struct Graph {
    nodes: HashMap<Uid, Node>,
    /// The objects that name this uid as an owner, whether it exists or not.
    dependents: HashMap<Uid, BTreeSet<Uid>>,
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) resource: Arc<Resource>,
    pub(super) namespace: Box<str>,
    pub(super) name: Box<str>,
    pub(super) uid: Uid,
    pub(super) owners: Box<[Owner]>,
    pub(super) state: State,
}

/// How far an object is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Alive,
    /// It is going, and garbage collection has no part in it.
    Going,
    /// It is going, and waits until its dependents have forgotten it.
    Orphaning,
    /// It is going, and waits until its dependents are gone.
    WaitingForDependents,
}

// === impl State ===

impl State {
    /// Reads the state from metadata.
    pub(super) fn of(meta: &Meta) -> Self {
        match (meta.is_deleting(), meta.has_finalizer(ORPHAN), meta.has_finalizer(FOREGROUND)) {
            (false, ..) => Self::Alive,
            (true, true, _) => Self::Orphaning,
            (true, false, true) => Self::WaitingForDependents,
            (true, false, false) => Self::Going,
        }
    }
}

// === impl Node ===

impl Node {
    /// The object with this metadata.
    pub(super) fn of(resource: &Arc<Resource>, meta: &Meta) -> Self {
        Self {
            resource: resource.clone(),
            namespace: meta.namespace.as_ref().into(),
            name: meta.name.as_ref().into(),
            uid: meta.uid.as_ref().into(),
            owners: meta.owner_references.clone(),
            state: State::of(meta),
        }
    }

    /// Whether it is what `owner` names, seen from `namespace`.
    pub(super) fn is(&self, owner: &Owner, namespace: &str) -> bool {
        let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
        *self.name == *owner.name
            && self.resource.kind == *owner.kind
            && self.resource.group == group
            && (self.namespace.is_empty() || *self.namespace == *namespace)
    }

    /// Whether it must be gone before the object with `uid` may go.
    pub(super) fn blocks(&self, uid: &str) -> bool {
        self.owners.iter().any(|owner| owner.block_owner_deletion && *owner.uid == *uid)
    }
}

// === impl Graph ===

impl Graph {
    /// The object with this uid, if it matters.
    pub(super) fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// The objects that name this uid as an owner.
    pub(super) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Node> {
        self.dependents.get(uid).into_iter().flatten().filter_map(|dependent| self.nodes.get(dependent))
    }

    /// Takes in an object, and answers with the uids of those that must be looked at.
    pub(super) fn put(&mut self, node: Node) -> Vec<Uid> {
        let old = self.detach(&node.uid);
        if old.as_ref().is_some_and(|old| old.owners == node.owners && old.state == node.state) {
            self.attach(node);
            return Vec::new();
        }
        let mut look = vec![node.uid.clone()];
        if node.state == State::WaitingForDependents {
            look.extend(self.dependents.get(&node.uid).into_iter().flatten().cloned());
        }
        // An owner that waits for this one to go, or that it was unblocked from, may be ready.
        look.extend(
            old.iter().flat_map(|old| &old.owners).filter_map(|owner| Some(self.nodes.get(&*owner.uid)?.uid.clone())),
        );
        if node.owners.is_empty() && matches!(node.state, State::Alive | State::Going) {
            look.remove(0);
        } else {
            self.attach(node);
        }
        look
    }

    /// Forgets an object, and answers with the uids of those that must be looked at: its dependents and its owners.
    pub(super) fn remove(&mut self, uid: &str) -> Vec<Uid> {
        let owners = self.detach(uid).map(|node| node.owners).unwrap_or_default();
        let owners = owners.iter().filter_map(|owner| Some(self.nodes.get(&*owner.uid)?.uid.clone()));
        owners.chain(self.dependents.get(uid).into_iter().flatten().cloned()).collect()
    }

    /// The objects of a resource.
    pub(super) fn of_resource(&self, resource: &Resource) -> Vec<Uid> {
        let nodes = self.nodes.values().filter(|node| *node.resource == *resource);
        nodes.map(|node| node.uid.clone()).collect()
    }

    /// The objects that have an owner of this kind.
    pub(super) fn owned_by_kind(&self, kind: &str) -> Vec<Uid> {
        let nodes = self.nodes.values().filter(|node| node.owners.iter().any(|owner| *owner.kind == *kind));
        nodes.map(|node| node.uid.clone()).collect()
    }

    fn attach(&mut self, node: Node) {
        for owner in &node.owners {
            self.dependents.entry(owner.uid.as_ref().into()).or_default().insert(node.uid.clone());
        }
        self.nodes.insert(node.uid.clone(), node);
    }

    fn detach(&mut self, uid: &str) -> Option<Node> {
        let node = self.nodes.remove(uid)?;
        for owner in &node.owners {
            if let Some(dependents) = self.dependents.get_mut(&*owner.uid) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&*owner.uid);
                }
            }
        }
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    fn node(uid: &str, owner: &str, state: State) -> Node {
        let owner = Owner { uid: owner.into(), block_owner_deletion: true, ..Owner::default() };
        let owners = if owner.uid.is_empty() { Box::default() } else { Box::from([owner]) };
        let resource = Arc::new(kinds::PODS.clone());
        Node { resource, namespace: "ns".into(), name: uid.into(), uid: uid.into(), owners, state }
    }

    #[test]
    fn only_what_has_owners_or_waits_is_kept() {
        let mut graph = Graph::default();
        assert!(graph.put(node("a", "", State::Alive)).is_empty());
        assert!(graph.get("a").is_none());
        assert_eq!(graph.put(node("b", "a", State::Alive)), ["b".into()]);
        assert!(graph.put(node("b", "a", State::Alive)).is_empty());
        assert_eq!(graph.dependents("a").count(), 1);
    }

    #[test]
    fn dependents_are_looked_at_when_their_owner_goes_and_owners_when_they_go() {
        let mut graph = Graph::default();
        graph.put(node("b", "a", State::Alive));
        assert_eq!(graph.put(node("a", "", State::WaitingForDependents)), ["a".into(), "b".into()]);
        assert_eq!(graph.remove("b"), ["a".into()]);
        graph.put(node("c", "a", State::Alive));
        assert_eq!(graph.remove("a"), ["c".into()]);
        graph.remove("c");
        assert!(graph.nodes.is_empty() && graph.dependents.is_empty());
    }
}
