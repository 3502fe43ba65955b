//! Keeps as many pods as a ReplicaSet asks for, or a ReplicationController, which is one with plainer selectors.

pub(crate) mod object;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
    api::{self, Error, Patch, Resource, Target},
    cache::Cache,
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    kinds,
    meta::Key,
    pod_control::PodControl,
    pod_template,
    queue::Queue,
    view::{metadata, pod::Pod},
    watch::View,
    workload,
};

use object::ReplicaSet;
use plan::{Failure, Plan};

/// What differs between the kinds that are controlled alike.
struct Kind {
    /// The controller's name.
    name: &'static str,
    /// The name that its events carry.
    component: &'static str,
    resource: &'static Resource,
    /// Whether the selector is a plain map of labels, and the status does not count pods that terminate.
    is_plain: bool,
}

static REPLICA_SET: Kind =
    Kind { name: "replicaset", component: "replicaset-controller", resource: &kinds::REPLICA_SETS, is_plain: false };
static REPLICATION_CONTROLLER: Kind = Kind {
    name: "replicationcontroller",
    component: "replication-controller",
    resource: &kinds::REPLICATION_CONTROLLERS,
    is_plain: true,
};

struct Controller<V> {
    kind: &'static Kind,
    control: PodControl,
    /// All objects of the kind.
    sets: Arc<Cache<V>>,
}

/// Starts the controller of ReplicaSets.
pub(crate) fn start(cx: &mut Context) {
    start_kind::<metadata::ReplicaSet>(cx, &REPLICA_SET);
}

/// Starts the controller of ReplicationControllers.
pub(crate) fn start_plain(cx: &mut Context) {
    start_kind::<metadata::ReplicationController>(cx, &REPLICATION_CONTROLLER);
}

fn start_kind<V: View>(cx: &mut Context, kind: &'static Kind) {
    let queue = Arc::new(Queue::new());
    let (sets, pods) = (cx.cache::<V>(), cx.cache::<Pod>());
    context::enqueue_itself(&sets, &queue);
    context::enqueue_controller(&pods, &kind.resource.kind, &queue);
    context::enqueue_adopters(&pods, &sets, &queue);
    let synced = {
        let (sets, pods) = (sets.clone(), pods.clone());
        async move { tokio::join!(sets.synced(), pods.synced()).0 }
    };
    let control =
        PodControl { api: cx.api.clone(), recorder: cx.recorder(kind.component), pods, resource: kind.resource };
    cx.run(kind.name, queue, Controller { kind, control, sets }, synced);
}

// === impl Kind ===

impl Kind {
    /// Reads an object of the kind.
    fn read(&self, mut object: Value) -> Result<ReplicaSet, Error> {
        if self.is_plain {
            let labels = object["spec"]["selector"].take();
            object["spec"]["selector"] = json!({"matchLabels": labels});
        }
        workload::read(object)
    }
}

// === impl Controller ===

impl<V: View> Reconcile for Controller<V> {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let target = Target { resource: self.kind.resource, namespace: &key.namespace, name: &key.name };
            let api = &self.control.api;
            let Some(object) = api.get::<Value>(target).await? else { return Ok(Next::Change) };
            let set = self.kind.read(object)?;
            let meta = &set.metadata;
            // Pods that have ended stay whose they were.
            self.control.claim(meta, &set.spec.selector, |pod| !pod.is_terminal()).await?;
            let plan = plan::plan(&set, &self.control.owned(meta), &self.related(&set), Time::now());
            let failure = self.apply(&set, plan).await;
            let (owned, now) = (self.control.owned(meta), Time::now());
            let mut status = plan::status(&set, &owned, failure.clone(), now);
            if self.kind.is_plain {
                status.terminating_replicas = None;
            }
            if status != set.status {
                let patch = json!({"status": status});
                api::absent_as_none(api.patch::<IgnoredAny>(target, "status", Patch::Merge, &patch).await)?;
            }
            match (failure, plan::next_available(&set, &owned, now)) {
                (Some(failure), _) => Err(Error::Actions { reason: failure.message }),
                (None, Some(at)) => Ok(Next::After(at.after(now))),
                (None, None) => Ok(Next::Change),
            }
        })
    }
}

impl<V: View> Controller<V> {
    /// The pods of all sets of the same Deployment, this one's included.
    fn related(&self, set: &ReplicaSet) -> Vec<Arc<Pod>> {
        let Some(deployment) = set.metadata.controller() else { return self.control.owned(&set.metadata) };
        let namespace = &set.metadata.namespace;
        let sets = self.sets.in_namespace(namespace, |sibling| sibling.meta().is_controlled_by(&deployment.uid));
        let is_related = |pod: &Pod| sets.iter().any(|sibling| pod.metadata.is_controlled_by(&sibling.meta().uid));
        self.control.pods.in_namespace(namespace, is_related)
    }

    async fn apply(&self, set: &ReplicaSet, plan: Plan) -> Option<Failure> {
        let meta = &set.metadata;
        if !plan.delete.is_empty() {
            let error = self.control.delete(meta, &plan.delete).await.err()?;
            return Some(Failure { reason: "FailedDelete", message: error.message() });
        }
        let pod = pod_template::pod(&set.spec.template, self.kind.resource, meta);
        let error = self.control.create(meta, &vec![&pod; plan.create]).await.err()?.error;
        (!error.is_namespace_terminating()).then(|| Failure { reason: "FailedCreate", message: error.message() })
    }
}
