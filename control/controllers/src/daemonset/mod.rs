//! Keeps one pod of a DaemonSet on each node that fits, and replaces them when the template changes.

mod fit;
mod object;
mod plan;
mod revisions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
    api::{self, Error, Patch, Target},
    cache::Cache,
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    kinds,
    meta::Key,
    pod_control::PodControl,
    pod_template,
    queue::Queue,
    view::{metadata, node::Node, pod::Pod},
    workload,
};

use object::DaemonSet;
use plan::{HASH_LABEL, Observed, Plan};

/// The number of the template, which API servers keep in an annotation and pods carry as a label.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
const TEMPLATE_GENERATION_LABEL: &str = "pod-template-generation";

struct Controller {
    control: PodControl,
    nodes: Arc<Cache<Node>>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (sets, pods, nodes) = (cx.cache::<metadata::DaemonSet>(), cx.cache::<Pod>(), cx.cache::<Node>());
    context::enqueue_itself(&sets, &queue);
    context::enqueue_controller(&pods, "DaemonSet", &queue);
    context::enqueue_adopters(&pods, &sets, &queue);
    enqueue_all(&nodes, &sets, &queue);
    let synced = {
        let (pods, nodes) = (pods.clone(), nodes.clone());
        async move { tokio::join!(sets.synced(), pods.synced(), nodes.synced()).0 }
    };
    let recorder = cx.recorder("daemonset-controller");
    let control = PodControl { api: cx.api.clone(), recorder, pods, resource: &kinds::DAEMON_SETS };
    cx.run("daemonset", queue, Controller { control, nodes }, synced);
}

/// Adds every set when a node comes, goes, or changes in what decides whether pods fit it. Heartbeats do not.
fn enqueue_all(nodes: &Cache<Node>, sets: &Arc<Cache<metadata::DaemonSet>>, queue: &Arc<Queue<Key>>) {
    let (sets, queue) = (sets.clone(), queue.clone());
    nodes.listen(move |change| {
        let same = change
            .old
            .zip(change.new)
            .is_some_and(|(old, new)| old.metadata.labels == new.metadata.labels && old.spec.taints == new.spec.taints);
        if !same {
            sets.all(|_| true).into_iter().for_each(|set| queue.add(set.metadata.key()));
        }
    });
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let (api, control) = (&self.control.api, &self.control);
            let target = Target { resource: &kinds::DAEMON_SETS, namespace: &key.namespace, name: &key.name };
            let Some(object) = api.get::<Value>(target).await? else { return Ok(Next::Change) };
            let annotations = object["metadata"]["annotations"].clone();
            let set: DaemonSet = workload::read(object)?;
            // One that selects everything would take over the whole namespace.
            if set.spec.selector.is_empty() || set.metadata.is_deleting() {
                return Ok(Next::Change);
            }
            control.claim(&set.metadata, &set.spec.selector, |_| true).await?;
            let history = revisions::keep(api, &set, &annotations).await?;
            let (nodes, pods) = (self.nodes.all(|_| true), control.owned(&set.metadata));
            let mut observed = Observed { set, hash: history.hash.clone(), nodes, pods };
            let applied = self.apply(&observed, &annotations, plan::plan(&observed, Time::now())).await;
            observed.pods = control.owned(&observed.set.metadata);
            let (set, now) = (&observed.set, Time::now());
            let is_used =
                |hash: &str| observed.pods.iter().any(|pod| pod.metadata.labels.get(HASH_LABEL) == Some(hash));
            revisions::clean_up(api, set, &history, is_used).await?;
            let status = plan::status(&observed, now);
            if status != set.status {
                let patch = json!({"metadata": {"uid": set.metadata.uid}, "status": status});
                api::absent_as_none(api.patch::<IgnoredAny>(target, "status", Patch::Merge, &patch).await)?;
            }
            applied?;
            Ok(plan::next_available(&observed, now).map_or(Next::Change, |at| Next::After(at.after(now))))
        })
    }
}

impl Controller {
    async fn apply(&self, observed: &Observed, annotations: &Value, plan: Plan) -> Result<(), Error> {
        let set = &observed.set;
        for (event_type, reason, message) in plan.events {
            self.control.tell(&set.metadata, event_type, reason, message);
        }
        self.control.delete(&set.metadata, &plan.delete).await?;
        let mut pod = pod_template::pod(&set.spec.template, &kinds::DAEMON_SETS, &set.metadata);
        pod["spec"] = fit::pod_spec(&set.spec.template);
        pod["metadata"]["labels"][HASH_LABEL] = json!(observed.hash);
        if let Some(generation) = annotations[TEMPLATE_GENERATION].as_str() {
            pod["metadata"]["labels"][TEMPLATE_GENERATION_LABEL] = json!(generation);
        }
        let pinned = |node: &str| {
            let mut pod = pod.clone();
            fit::pin(&mut pod["spec"], node);
            pod
        };
        let pods: Vec<_> = plan.create.iter().map(|node| pinned(node)).collect();
        match self.control.create(&set.metadata, &pods.iter().collect::<Vec<_>>()).await {
            Err(missing) if !missing.error.is_namespace_terminating() => Err(missing.error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
