//! Deletes pods that nobody looks after: on nodes that are gone, without a node, and far too many that have ended.

mod plan;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{
    api::{self, Api, Deletion, Error, Patch, Target},
    cache::Cache,
    clock::Time,
    context::Context,
    controller::{Next, Reconcile},
    kinds,
    meta::Key,
    queue::Queue,
    view::{node::Node, pod::Pod},
};

use plan::Missing;

/// How often to look, as upstream does.
const PERIOD: Duration = Duration::from_secs(20);

struct Controller {
    api: Api,
    pods: Arc<Cache<Pod>>,
    nodes: Arc<Cache<Node>>,
    missing: Mutex<Missing>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    // It looks at all pods at once: there is one key.
    queue.add(Key::new("", "pods"));
    let (pods, nodes) = (cx.cache::<Pod>(), cx.cache::<Node>());
    let synced = {
        let (pods, nodes) = (pods.clone(), nodes.clone());
        async move { tokio::join!(pods.synced(), nodes.synced()).0 }
    };
    let controller = Controller { api: cx.api.clone(), pods, nodes, missing: Mutex::default() };
    cx.run("pod-garbage-collector", queue, controller, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, _: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let nodes = self.nodes.all(|_| true).iter().map(|node| node.metadata.name.as_ref().into()).collect();
            let plan = {
                let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
                plan::plan(&self.pods.all(|_| true), &nodes, &mut missing, Time::now())
            };
            for pod in &plan.orphaned {
                self.fail(pod).await?;
                self.delete(pod).await?;
            }
            for pod in &plan.useless {
                self.delete(pod).await?;
            }
            Ok(Next::After(PERIOD))
        })
    }
}

impl Controller {
    /// Writes down that the pod has ended, so that whoever counts pods learns it even if a finalizer holds this one.
    async fn fail(&self, pod: &Pod) -> Result<(), Error> {
        if pod.is_terminal() {
            return Ok(());
        }
        let meta = &pod.metadata;
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "observedGeneration": meta.generation,
            "lastTransitionTime": Time::now(),
        });
        let status = json!({"phase": "Failed", "observedGeneration": meta.generation, "conditions": [condition]});
        let patch = json!({"metadata": {"uid": meta.uid}, "status": status});
        api::absent_as_none(self.api.patch::<IgnoredAny>(target(pod), "status", Patch::Strategic, &patch).await)?;
        Ok(())
    }

    async fn delete(&self, pod: &Pod) -> Result<(), Error> {
        let deletion = Deletion { grace_period_seconds: Some(0), ..Deletion::of_uid(&pod.metadata.uid) };
        api::absent_as_none(self.api.delete::<IgnoredAny>(target(pod), &deletion).await)?;
        Ok(())
    }
}

fn target(pod: &Pod) -> Target<'_> {
    Target { resource: &kinds::PODS, namespace: &pod.metadata.namespace, name: &pod.metadata.name }
}
