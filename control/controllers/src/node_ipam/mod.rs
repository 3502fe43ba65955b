//! Gives every node its part of the cluster's pod addresses.

mod plan;

use std::{collections::BTreeSet, sync::Arc};

use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::Mutex;
use tracing::error;

use crate::{
    api::{self, Api, Error, Patch, Target},
    cache::Cache,
    context::{self, Context},
    controller::{Next, Reconcile},
    events::{Recorder, Regarding, Type},
    kinds,
    meta::Key,
    queue::Queue,
    view::node::Node,
};

use plan::Cidr;

struct Controller {
    api: Api,
    recorder: Recorder,
    cidr: Cidr,
    nodes: Arc<Cache<Node>>,
    /// Held while a block is chosen and written, so that two nodes do not get the same.
    choosing: Mutex<()>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let Some(cidr) = Cidr::parse(&cx.config.cluster_cidr) else {
        return error!(cidr = cx.config.cluster_cidr, "nodes get no pod addresses: no IPv4 range");
    };
    let queue = Arc::new(Queue::new());
    let nodes = cx.cache::<Node>();
    context::enqueue_itself(&nodes, &queue);
    let synced = {
        let nodes = nodes.clone();
        async move { nodes.synced().await }
    };
    let (api, recorder) = (cx.api.clone(), cx.recorder("cidrAllocator"));
    let controller = Controller { api, recorder, cidr, nodes, choosing: Mutex::default() };
    cx.run("node-ipam", queue, controller, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let _choosing = self.choosing.lock().await;
            let Some(node) = self.nodes.get(key).filter(|node| node.spec.pod_cidr.is_empty()) else {
                return Ok(Next::Change);
            };
            let taken: BTreeSet<_> =
                self.nodes.all(|_| true).iter().map(|node| node.spec.pod_cidr.to_string()).collect();
            let Some(block) = self.cidr.free_block(&taken) else {
                let message = format!("Node {} status is now: CIDRNotAvailable", key.name);
                let regarding = Regarding::of(&kinds::NODES, &node.metadata);
                self.recorder.record(regarding, Type::Normal, "CIDRNotAvailable", message);
                return Ok(Next::Change);
            };
            let target = Target { resource: &kinds::NODES, namespace: "", name: &key.name };
            let patch = json!({"spec": {"podCIDR": block, "podCIDRs": [block]}});
            let patched = self.api.patch::<Node>(target, "", Patch::Merge, &patch).await;
            if let Some(node) = api::absent_as_none(patched)? {
                self.nodes.observe(node);
            }
            Ok(Next::Change)
        })
    }
}
