//! Publishes the API server's certificate authority as ConfigMap `kube-root-ca.crt` in every namespace, and keeps it so.

mod plan;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{
    api::{Api, Error, Target},
    cache::Cache,
    context::{self, Context},
    controller::{Next, Reconcile},
    kinds,
    meta::Key,
    queue::Queue,
    view::metadata::{Namespace, RootCa},
    watch::Object,
};

use plan::Plan;

struct Controller {
    api: Api,
    ca_pem: String,
    namespaces: Arc<Cache<Namespace>>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (namespaces, published) = (cx.cache::<Namespace>(), cx.cache::<RootCa>());
    context::enqueue_itself(&namespaces, &queue);
    let changed = queue.clone();
    published.listen(move |change| {
        if let Some(object) = change.latest() {
            changed.add(Key::new("", &object.meta().namespace));
        }
    });
    let synced = {
        let namespaces = namespaces.clone();
        async move { tokio::join!(namespaces.synced(), published.synced()).0 }
    };
    let controller = Controller { api: cx.api.clone(), ca_pem: cx.config.ca_pem.clone(), namespaces };
    cx.run("root-ca-certificate-publisher", queue, controller, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(namespace) = self.namespaces.get(key) else { return Ok(Next::Change) };
            let target = Target { resource: &kinds::CONFIG_MAPS, namespace: &key.name, name: plan::NAME };
            let stored = self.api.get::<Value>(target).await?;
            let done = match plan::plan(namespace.meta(), stored, &self.ca_pem) {
                Plan::Nothing => return Ok(Next::Change),
                Plan::Create(object) => self.api.create(&kinds::CONFIG_MAPS, &key.name, &object).await,
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
