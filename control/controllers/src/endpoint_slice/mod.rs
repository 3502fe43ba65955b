//! Lists the pods behind each Service in EndpointSlices.

mod plan;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use serde::de::IgnoredAny;

use crate::{
    api::{self, Api, Deletion, Error, Target},
    cache::Cache,
    context::{self, Context},
    controller::{Next, Reconcile},
    endpoint::{self, triggers::Triggers},
    kinds,
    meta::Key,
    queue::Queue,
    view::{metadata, node::Node, pod::Pod, service::Service},
};

use plan::{MANAGER, MANAGER_LABEL, Observed, SERVICE_LABEL, Slice};

/// The zone that a node is in.
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

struct Controller {
    api: Api,
    services: Arc<Cache<Service>>,
    pods: Arc<Cache<Pod>>,
    nodes: Arc<Cache<Node>>,
    triggers: Triggers,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (services, pods, nodes) = (cx.cache::<Service>(), cx.cache::<Pod>(), cx.cache::<Node>());
    let slices = cx.cache::<metadata::EndpointSlice>();
    context::enqueue_itself(&services, &queue);
    endpoint::enqueue_selecting(&pods, &services, &queue);
    enqueue_with_nodes(&nodes, &services, &queue);
    let deleted = queue.clone();
    slices.listen(move |change| {
        if let (Some(slice), None) = (change.old, change.new)
            && let Some(service) = slice.metadata.labels.get(SERVICE_LABEL)
        {
            deleted.add(Key::new(&slice.metadata.namespace, service));
        }
    });
    let synced = {
        let (services, pods, nodes) = (services.clone(), pods.clone(), nodes.clone());
        async move { tokio::join!(services.synced(), pods.synced(), nodes.synced(), slices.synced()).0 }
    };
    let controller = Controller { api: cx.api.clone(), services, pods, nodes, triggers: Triggers::default() };
    cx.run("endpointslice", queue, controller, synced);
}

/// Adds all Services when a node comes, goes or moves: pods on unknown nodes are no endpoints.
fn enqueue_with_nodes(nodes: &Cache<Node>, services: &Arc<Cache<Service>>, queue: &Arc<Queue<Key>>) {
    let (services, queue) = (services.clone(), queue.clone());
    nodes.listen(move |change| {
        if let (Some(old), Some(new)) = (change.old, change.new)
            && zone(old) == zone(new)
        {
            return;
        }
        services.all(|_| true).iter().for_each(|service| queue.add(service.metadata.key()));
    });
}

fn zone(node: &Node) -> &str {
    node.metadata.labels.get(ZONE_LABEL).unwrap_or_default()
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(service) = self.services.get(key) else {
                // Its slices are garbage, which is collected elsewhere.
                let _ = self.triggers.forget(key);
                return Ok(Next::Change);
            };
            let has_selector = service.spec.selector.as_ref().is_some_and(|selector| !selector.is_empty());
            if !has_selector || *service.spec.service_type == *"ExternalName" || service.metadata.is_deleting() {
                return Ok(Next::Change);
            }
            let pods = self.pods.in_namespace(&key.namespace, |pod| service.selects(&pod.metadata.labels));
            let nodes = self.nodes.all(|_| true);
            let zones: BTreeMap<_, _> =
                nodes.iter().map(|node| (node.metadata.name.as_ref().into(), zone(node).into())).collect();
            let slices = self.slices(key).await?;
            let trigger = self.triggers.next(&service, pods.iter().map(AsRef::as_ref));
            let observed = Observed { service: &service, pods: &pods, zones: &zones, slices, trigger };
            self.apply(key, plan::plan(&observed)).await?;
            Ok(Next::Change)
        })
    }
}

impl Controller {
    async fn slices(&self, service: &Key) -> Result<Vec<Slice>, Error> {
        let selector = format!("{SERVICE_LABEL}={},{MANAGER_LABEL}={MANAGER}", service.name);
        let query = format!("labelSelector={}", selector.replace('/', "%2F").replace('=', "%3D").replace(',', "%2C"));
        let slices: Vec<Slice> = self.api.list(&kinds::ENDPOINT_SLICES, &service.namespace, &query).await?;
        Ok(slices.into_iter().map(Slice::read).filter(|slice| !slice.metadata.is_deleting()).collect())
    }

    async fn apply(&self, service: &Key, plan: plan::Plan) -> Result<(), Error> {
        let namespace = service.namespace.as_ref();
        let target = |name| Target { resource: &kinds::ENDPOINT_SLICES, namespace, name };
        for object in &plan.create {
            match self.api.create::<IgnoredAny>(&kinds::ENDPOINT_SLICES, namespace, object).await {
                Err(error) if error.is_namespace_terminating() => return Ok(()),
                created => created.map(drop)?,
            }
        }
        for (name, object) in &plan.update {
            self.api.update::<IgnoredAny>(target(name), "", object).await?;
        }
        for name in &plan.delete {
            api::absent_as_none(self.api.delete::<IgnoredAny>(target(name), &Deletion::default()).await)?;
        }
        Ok(())
    }
}
