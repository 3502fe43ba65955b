//! Watches over nodes: marks those that are silent, and keeps pods away from those that are not well.

mod plan;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{
    api::{self, Api, Error, Patch, Target},
    cache::Cache,
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    events::{Recorder, Regarding, Type},
    kinds,
    meta::Key,
    queue::Queue,
    view::{
        node::{Node, NodeLease},
        pod::Pod,
    },
};

use plan::Plan;

struct Controller {
    api: Api,
    recorder: Recorder,
    nodes: Arc<Cache<Node>>,
    leases: Arc<Cache<NodeLease>>,
    pods: Arc<Cache<Pod>>,
    heard: Mutex<HashMap<Key, Heard>>,
}

/// The last sign of life, and when it came by our own clock: the node's may be wrong.
#[derive(Clone, Copy)]
struct Heard {
    heartbeat: Option<Time>,
    lease: u64,
    at: Time,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (nodes, leases, pods) = (cx.cache::<Node>(), cx.cache::<NodeLease>(), cx.cache::<Pod>());
    context::enqueue_itself(&nodes, &queue);
    enqueue_others(&nodes, &queue);
    let synced = {
        let (nodes, leases, pods) = (nodes.clone(), leases.clone(), pods.clone());
        async move { tokio::join!(nodes.synced(), leases.synced(), pods.synced()).0 }
    };
    let (api, recorder) = (cx.api.clone(), cx.recorder("node-controller"));
    let controller = Controller { api, recorder, nodes, leases, pods, heard: Mutex::default() };
    cx.run("node-lifecycle", queue, controller, synced);
}

/// Adds the other nodes when one becomes ready or unready: whether pods are evicted depends on all of them.
fn enqueue_others(nodes: &Arc<Cache<Node>>, queue: &Arc<Queue<Key>>) {
    let (others, queue) = (Arc::downgrade(nodes), queue.clone());
    nodes.listen(move |change| {
        let ready = |node: Option<&Arc<Node>>| node.is_some_and(|node| node.condition("Ready") == "True");
        let Some(others) = others.upgrade().filter(|_| ready(change.old) != ready(change.new)) else { return };
        others.all(|node| node.condition("Ready") != "True").iter().for_each(|node| queue.add(node.metadata.key()));
    });
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(node) = self.nodes.get(key) else {
                self.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
                return Ok(Next::Change);
            };
            let now = Time::now();
            let some_is_ready = !self.nodes.all(|node| node.condition("Ready") == "True").is_empty();
            let plan = plan::plan(&node, self.heard(&node, now), some_is_ready, now);
            self.apply(&node, &plan).await?;
            Ok(plan.silent_at.map_or(Next::Change, |at| Next::After(at.after(now))))
        })
    }
}

impl Controller {
    /// When the node last said something, through its status or its lease.
    fn heard(&self, node: &Node, now: Time) -> Time {
        let heartbeat = node.find("Ready").and_then(|ready| ready.last_heartbeat_time);
        let lease = self.leases.get(&Key::new("kube-node-lease", &node.metadata.name));
        let lease = lease.map_or(0, |lease| lease.metadata.resource_version);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let first = || {
            let at = heartbeat.or(node.metadata.creation_timestamp).unwrap_or(now);
            // A lease that is there may be old or new; its node gets the benefit of the doubt once.
            Heard { heartbeat, lease, at: if lease > 0 { now } else { at } }
        };
        let known = heard.entry(node.metadata.key()).or_insert_with(first);
        if (known.heartbeat, known.lease) != (heartbeat, lease) {
            *known = Heard { heartbeat, lease, at: now };
        }
        known.at
    }

    async fn apply(&self, node: &Node, plan: &Plan) -> Result<(), Error> {
        let target = Target { resource: &kinds::NODES, namespace: "", name: &node.metadata.name };
        if !plan.conditions.is_empty() {
            let patch = json!({"status": {"conditions": plan.conditions}});
            let patched = self.api.patch::<IgnoredAny>(target, "status", Patch::Strategic, &patch).await;
            api::absent_as_none(patched)?;
            let message = format!("Node {} status is now: NodeNotReady", node.metadata.name);
            let regarding = Regarding::of(&kinds::NODES, &node.metadata);
            self.recorder.record(regarding, Type::Normal, "NodeNotReady", message);
        }
        if let Some(taints) = &plan.taints {
            // The taints are one list: they are written only if nobody else has changed the node meanwhile.
            let revision = match plan.conditions.is_empty() {
                true => node.metadata.resource_version.to_string().into(),
                false => serde_json::Value::Null,
            };
            let taints = (!taints.is_empty()).then_some(taints);
            let patch = json!({"metadata": {"resourceVersion": revision}, "spec": {"taints": taints}});
            api::absent_as_none(self.api.patch::<IgnoredAny>(target, "", Patch::Merge, &patch).await)?;
        }
        if plan.pods_not_ready {
            self.mark_pods(node).await?;
        }
        Ok(())
    }

    /// Marks the pods of a silent node as not ready, so that no Service sends anybody there.
    async fn mark_pods(&self, node: &Node) -> Result<(), Error> {
        let name = &node.metadata.name;
        for pod in self.pods.all(|pod| *pod.spec.node_name == **name && pod.is_ready() && !pod.is_terminal()) {
            let meta = &pod.metadata;
            let target = Target { resource: &kinds::PODS, namespace: &meta.namespace, name: &meta.name };
            let condition = json!({"type": "Ready", "status": "False", "lastTransitionTime": Time::now()});
            let patch = json!({"metadata": {"uid": meta.uid}, "status": {"conditions": [condition]}});
            let patched = self.api.patch::<Pod>(target, "status", Patch::Strategic, &patch).await;
            if let Some(pod) = api::absent_as_none(patched)? {
                self.pods.observe(pod);
            }
            let regarding = Regarding::of(&kinds::PODS, meta);
            self.recorder.record(regarding, Type::Warning, "NodeNotReady", "Node is not ready".to_owned());
        }
        Ok(())
    }
}
