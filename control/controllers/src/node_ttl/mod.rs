//! Tells nodes by an annotation for how long they may keep what they have read of Secrets and ConfigMaps.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{
    api::{self, Api, Error, Patch, Target},
    cache::Cache,
    context::{self, Context},
    controller::{Next, Reconcile},
    kinds,
    meta::{Key, NODE_TTL},
    queue::Queue,
    view::node::Node,
};

/// Seconds by the number of nodes, as upstream has them: (at most so many nodes, seconds).
const TTL_SECONDS: [(usize, u32); 4] = [(100, 0), (500, 15), (1000, 30), (2000, 60)];
const TTL_SECONDS_MAX: u32 = 300;

struct Controller {
    api: Api,
    nodes: Arc<Cache<Node>>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let nodes = cx.cache::<Node>();
    context::enqueue_itself(&nodes, &queue);
    let synced = {
        let nodes = nodes.clone();
        async move { nodes.synced().await }
    };
    let controller = Controller { api: cx.api.clone(), nodes };
    cx.run("ttl", queue, controller, synced);
}

fn ttl_seconds(nodes: usize) -> u32 {
    let row = TTL_SECONDS.iter().find(|(nodes_max, _)| nodes <= *nodes_max);
    row.map_or(TTL_SECONDS_MAX, |(_, seconds)| *seconds)
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(node) = self.nodes.get(key) else { return Ok(Next::Change) };
            let seconds = ttl_seconds(self.nodes.all(|_| true).len()).to_string();
            if node.metadata.annotations.get(NODE_TTL) != Some(&seconds) {
                let target = Target { resource: &kinds::NODES, namespace: "", name: &key.name };
                let patch = json!({"metadata": {"annotations": {NODE_TTL: seconds}}});
                api::absent_as_none(self.api.patch::<IgnoredAny>(target, "", Patch::Merge, &patch).await)?;
            }
            Ok(Next::Change)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_larger_clusters_keep_things_longer() {
        assert_eq!([1, 100, 101, 1500, 5000].map(ttl_seconds), [0, 0, 15, 60, 300]);
    }
}
