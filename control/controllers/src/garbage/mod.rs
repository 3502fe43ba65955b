//! Collects garbage: deletes objects whose owners are gone, and carries out foreground and orphaning deletions.
//!
//! The keys of its queue are uids. The graph only says where to look; before anything is written, the object and its
//! owners are asked for anew.

mod graph;
mod plan;
mod watches;

use std::sync::{Arc, PoisonError, RwLock};

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
    api::{self, Api, Deletion, Error, Patch, Resource, Target},
    context::Context,
    controller::{Next, Reconcile},
    discovery::Served,
    meta::{Key, Meta, Owner},
    queue::Queue,
};

use graph::{FOREGROUND, Graph, Node, ORPHAN, State, Uid};
use plan::{Dependent, Plan, Standing};
use watches::Partial;

/// What the watches and the controller share.
struct Shared {
    graph: RwLock<Graph>,
    queue: Arc<Queue<Key>>,
    served: RwLock<Arc<[Served]>>,
}

struct Controller {
    api: Api,
    shared: Arc<Shared>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (graph, served) = (RwLock::default(), RwLock::new(Arc::from([])));
    let shared = Arc::new(Shared { graph, queue: queue.clone(), served });
    cx.spawn(watches::run(cx.api.clone(), shared.clone(), cx.cancel.clone()));
    let controller = Controller { api: cx.api.clone(), shared };
    cx.run("garbage-collector", queue, controller, async {});
}

// === impl Shared ===

impl Shared {
    /// Takes in which resources there are.
    fn learn(&self, served: Vec<Served>) {
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served.into();
    }

    fn graph<T>(&self, read: impl FnOnce(&Graph) -> T) -> T {
        read(&self.graph.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The resource that an owner is of, and whether it is in a namespace.
    fn resource_of(&self, owner: &Owner) -> Option<(Resource, bool)> {
        let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut served = served.iter();
        let served = served.find(|served| served.resource.group == group && served.resource.kind == *owner.kind)?;
        Some((served.resource.clone(), served.namespaced))
    }
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(node) = self.shared.graph(|graph| graph.get(&key.name).cloned()) else { return Ok(Next::Change) };
            match node.state {
                State::Going => {}
                State::Orphaning => self.orphan(&node).await?,
                State::WaitingForDependents => self.release(&node).await?,
                State::Alive => self.judge(&node).await?,
            }
            Ok(Next::Change)
        })
    }
}

impl Controller {
    /// Makes the dependents forget the object, and then lets it go.
    async fn orphan(&self, node: &Node) -> Result<(), Error> {
        for dependent in self.dependents(&node.uid) {
            self.disown(&dependent, std::slice::from_ref(&node.uid)).await?;
        }
        self.remove_finalizer(node, ORPHAN).await
    }

    /// Lets the object go if no dependent blocks it any more. Otherwise the last of them will bring it here again.
    async fn release(&self, node: &Node) -> Result<(), Error> {
        match self.dependents(&node.uid).iter().any(|dependent| dependent.blocks(&node.uid)) {
            true => Ok(()),
            false => self.remove_finalizer(node, FOREGROUND).await,
        }
    }

    /// Deletes the object if none of its owners holds it, and tidies its references otherwise.
    async fn judge(&self, node: &Node) -> Result<(), Error> {
        if node.owners.iter().all(|owner| self.is_solid(owner, &node.namespace)) {
            return Ok(());
        }
        let Some(live) = self.live(&node.resource, &node.namespace, &node.name).await? else { return Ok(()) };
        if *live.uid != *node.uid || live.is_deleting() {
            return Ok(());
        }
        let mut owners = Vec::new();
        for owner in &live.owner_references {
            owners.push((Uid::from(owner.uid.as_ref()), self.standing(owner, &node.namespace).await?));
        }
        let dependents = self.dependents(&node.uid);
        let known: Vec<_> = dependents.iter().map(Dependent::of).collect();
        match plan::plan(&owners, &known, own_policy(&live)) {
            Plan::Nothing => Ok(()),
            Plan::Disown(uids) => self.disown(node, &uids).await,
            Plan::Delete { policy, unblock } => {
                for dependent in dependents.iter().filter(|dependent| unblock.contains(&dependent.uid)) {
                    self.unblock(dependent, &node.uid).await?;
                }
                let deletion = Deletion { propagation_policy: Some(policy), ..Deletion::of_uid(&node.uid) };
                gone_as_done(self.api.delete::<IgnoredAny>(target(node), &deletion).await)
            }
        }
    }

    fn dependents(&self, uid: &str) -> Vec<Node> {
        self.shared.graph(|graph| graph.dependents(uid).cloned().collect())
    }

    /// Whether the graph knows the owner and that it stays. That it does not know it says nothing.
    fn is_solid(&self, owner: &Owner, namespace: &str) -> bool {
        self.shared.graph(|graph| {
            let known = graph.get(&owner.uid).filter(|node| node.is(owner, namespace));
            known.is_some_and(|node| node.state != State::WaitingForDependents)
        })
    }

    /// Asks the API for the owner.
    async fn standing(&self, owner: &Owner, namespace: &str) -> Result<Standing, Error> {
        let Some((resource, namespaced)) = self.shared.resource_of(owner) else { return Ok(Standing::Unknown) };
        // An object of the whole cluster cannot be owned from inside a namespace; upstream leaves it alone.
        if namespaced && namespace.is_empty() {
            return Ok(Standing::Unknown);
        }
        let namespace = if namespaced { namespace } else { "" };
        Ok(match self.live(&resource, namespace, &owner.name).await? {
            Some(live) if live.uid != owner.uid => Standing::Dangling,
            Some(live) if State::of(&live) == State::WaitingForDependents => Standing::Waiting,
            Some(_) => Standing::Solid,
            None => Standing::Dangling,
        })
    }

    async fn live(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Option<Meta>, Error> {
        let path = format!("{}/{name}", resource.path(namespace));
        let live = api::absent_as_none(self.api.read_as::<Partial>(&path, api::METADATA_ONLY).await)?;
        Ok(live.map(|live| live.metadata))
    }

    async fn disown(&self, node: &Node, uids: &[Uid]) -> Result<(), Error> {
        self.rewrite_owners(node, |owners| owners.retain(|owner| !uids.iter().any(|uid| owner["uid"] == **uid))).await
    }

    /// Keeps the reference of a dependent to `uid`, but lets that go without it.
    async fn unblock(&self, node: &Node, uid: &str) -> Result<(), Error> {
        self.rewrite_owners(node, |owners| {
            for owner in owners.iter_mut().filter(|owner| owner["uid"] == uid) {
                owner["blockOwnerDeletion"] = false.into();
            }
        })
        .await
    }

    /// Changes the owner references of an object, unless it has changed since they were read.
    async fn rewrite_owners(&self, node: &Node, change: impl FnOnce(&mut Vec<Value>)) -> Result<(), Error> {
        self.rewrite_metadata(node, "ownerReferences", change).await
    }

    async fn remove_finalizer(&self, node: &Node, finalizer: &str) -> Result<(), Error> {
        self.rewrite_metadata(node, "finalizers", |finalizers| finalizers.retain(|held| held != finalizer)).await
    }

    /// A merge patch, since not every kind takes a strategic one.
    async fn rewrite_metadata(
        &self,
        node: &Node,
        field: &str,
        change: impl FnOnce(&mut Vec<Value>),
    ) -> Result<(), Error> {
        let path = format!("{}/{}", node.resource.path(&node.namespace), node.name);
        let live = self.api.read_as::<Value>(&path, api::METADATA_ONLY).await;
        let Some(live) = api::absent_as_none(live)? else { return Ok(()) };
        let metadata = &live["metadata"];
        let before = metadata[field].as_array().cloned().unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        if metadata["uid"] != *node.uid || before == after {
            return Ok(());
        }
        let patch = json!({"metadata": {
            "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], field: after,
        }});
        gone_as_done(self.api.patch::<IgnoredAny>(target(node), "", Patch::Merge, &patch).await)
    }
}

fn target(node: &Node) -> Target<'_> {
    Target { resource: &node.resource, namespace: &node.namespace, name: &node.name }
}

/// The policy that an object's own finalizers ask for.
fn own_policy(meta: &Meta) -> Option<&'static str> {
    match (meta.has_finalizer(ORPHAN), meta.has_finalizer(FOREGROUND)) {
        (true, _) => Some("Orphan"),
        (false, true) => Some("Foreground"),
        (false, false) => None,
    }
}

fn gone_as_done(done: Result<IgnoredAny, Error>) -> Result<(), Error> {
    api::absent_as_none(done).map(drop)
}
