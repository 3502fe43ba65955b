//! Lists the pods behind each Service in an Endpoints object, for clients from before EndpointSlices.

mod plan;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{
    api::{self, Api, Deletion, Error, Target},
    cache::Cache,
    context::{self, Context},
    controller::{Next, Reconcile},
    endpoint::{self, triggers::Triggers},
    kinds,
    meta::Key,
    queue::Queue,
    view::{metadata, pod::Pod, service::Service},
};

use plan::Plan;

struct Controller {
    api: Api,
    services: Arc<Cache<Service>>,
    pods: Arc<Cache<Pod>>,
    triggers: Triggers,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (services, pods) = (cx.cache::<Service>(), cx.cache::<Pod>());
    let endpoints = cx.cache::<metadata::Endpoints>();
    context::enqueue_itself(&services, &queue);
    endpoint::enqueue_selecting(&pods, &services, &queue);
    let deleted = queue.clone();
    endpoints.listen(move |change| {
        if let (Some(old), None) = (change.old, change.new) {
            deleted.add(old.metadata.key());
        }
    });
    let synced = {
        let (services, pods) = (services.clone(), pods.clone());
        async move { tokio::join!(services.synced(), pods.synced(), endpoints.synced()).0 }
    };
    let controller = Controller { api: cx.api.clone(), services, pods, triggers: Triggers::default() };
    cx.run("endpoints", queue, controller, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let target = Target { resource: &kinds::ENDPOINTS, namespace: &key.namespace, name: &key.name };
            let Some(service) = self.services.get(key) else { return self.forget(key, target).await };
            let has_selector = service.spec.selector.as_ref().is_some_and(|selector| !selector.is_empty());
            if !has_selector || *service.spec.service_type == *"ExternalName" || service.metadata.is_deleting() {
                return Ok(Next::Change);
            }
            let pods = self.pods.in_namespace(&key.namespace, |pod| service.selects(&pod.metadata.labels));
            let stored = self.api.get::<Value>(target).await?;
            let trigger = self.triggers.next(&service, pods.iter().map(AsRef::as_ref));
            let done = match plan::plan(&service, &pods, stored, trigger) {
                Plan::Nothing => return Ok(Next::Change),
                Plan::Create(object) => self.api.create(&kinds::ENDPOINTS, &key.namespace, &object).await,
                Plan::Update(object) => self.api.update(target, "", &object).await,
            };
            match done {
                Err(error) if error.is_namespace_terminating() => Ok(Next::Change),
                Err(error) => Err(error),
                Ok(IgnoredAny) => Ok(Next::Change),
            }
        })
    }
}

impl Controller {
    /// Deletes the Endpoints of a Service that is gone. Those that never had one belong to somebody else.
    async fn forget(&self, key: &Key, target: Target<'_>) -> Result<Next, Error> {
        if self.triggers.forget(key) {
            api::absent_as_none(self.api.delete::<IgnoredAny>(target, &Deletion::default()).await)?;
        }
        Ok(Next::Change)
    }
}
