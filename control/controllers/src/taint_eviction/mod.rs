//! Deletes pods from nodes whose `NoExecute` taints they do not tolerate, or not for so long.

mod plan;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use crate::{
    api::{self, Api, Deletion, Error, Patch, Target},
    cache::Cache,
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    events::{Recorder, Regarding, Type},
    kinds,
    meta::{Key, Meta},
    queue::Queue,
    view::{
        node::{Node, Taint},
        pod::Pod,
    },
};

use plan::{Plan, Toleration};

struct Controller {
    api: Api,
    recorder: Recorder,
    nodes: Arc<Cache<Node>>,
    pods: Arc<Cache<Pod>>,
}

/// The part of a pod that is read only when its node evicts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Tolerant {
    metadata: Meta,
    spec: Tolerations,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tolerations {
    tolerations: Vec<Toleration>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (nodes, pods) = (cx.cache::<Node>(), cx.cache::<Pod>());
    context::enqueue_itself(&nodes, &queue);
    let (tainted, bound) = (nodes.clone(), queue.clone());
    pods.listen(move |change| {
        let node_of = |pod: &Arc<Pod>| Key::new("", &pod.spec.node_name);
        if let (None, Some(pod)) = (change.old.filter(|old| !old.spec.node_name.is_empty()), change.new)
            && tainted.get(&node_of(pod)).is_some_and(|node| evicting(&node).next().is_some())
        {
            bound.add(node_of(pod));
        }
    });
    let synced = {
        let (nodes, pods) = (nodes.clone(), pods.clone());
        async move { tokio::join!(nodes.synced(), pods.synced()).0 }
    };
    let controller =
        Controller { api: cx.api.clone(), recorder: cx.recorder("taint-eviction-controller"), nodes, pods };
    cx.run("taint-eviction", queue, controller, synced);
}

fn evicting(node: &Node) -> impl Iterator<Item = &Taint> {
    node.spec.taints.iter().filter(|taint| taint.effect == "NoExecute")
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(node) = self.nodes.get(key) else { return Ok(Next::Change) };
            let taints: Vec<_> = evicting(&node).collect();
            if taints.is_empty() {
                return Ok(Next::Change);
            }
            let now = Time::now();
            let mut next: Option<Time> = None;
            for pod in self.pods.all(|pod| *pod.spec.node_name == *key.name && pod.is_active()) {
                let meta = &pod.metadata;
                let target = Target { resource: &kinds::PODS, namespace: &meta.namespace, name: &meta.name };
                let Some(pod) = self.api.get::<Tolerant>(target).await? else { continue };
                match plan::plan(&taints, &pod.spec.tolerations, now) {
                    Plan::Stay => {}
                    Plan::GoAt(at) if at > now => next = next.into_iter().chain([at]).min(),
                    Plan::GoAt(_) => self.evict(target, &pod.metadata).await?,
                }
            }
            Ok(next.map_or(Next::Change, |at| Next::After(at.after(now))))
        })
    }
}

impl Controller {
    async fn evict(&self, target: Target<'_>, meta: &Meta) -> Result<(), Error> {
        let regarding = Regarding::of(&kinds::PODS, meta);
        let message = format!("Marking for deletion Pod {}", meta.key());
        self.recorder.record(regarding, Type::Normal, "TaintManagerEviction", message);
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "observedGeneration": meta.generation,
            "lastTransitionTime": Time::now(),
        });
        let patch = json!({"metadata": {"uid": meta.uid}, "status": {"conditions": [condition]}});
        let patched = self.api.patch::<IgnoredAny>(target, "status", Patch::Strategic, &patch).await;
        if api::absent_as_none(patched)?.is_some() {
            api::absent_as_none(self.api.delete::<IgnoredAny>(target, &Deletion::of_uid(&meta.uid)).await)?;
        }
        Ok(())
    }
}
