//! Empties namespaces that are being deleted, pods first, says in conditions what is left, and then lets them go.

mod plan;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    api::{self, Api, Error, List, Target},
    cache::Cache,
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    discovery::{self, Served},
    kinds,
    meta::{Key, Meta},
    queue::Queue,
    view::metadata::Namespace,
};

use plan::{Observed, Remaining};

/// How long to wait until looking again at what is left.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

struct Controller {
    api: Api,
    namespaces: Arc<Cache<Namespace>>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let namespaces = cx.cache::<Namespace>();
    context::enqueue_itself(&namespaces, &queue);
    let synced = {
        let namespaces = namespaces.clone();
        async move { namespaces.synced().await }
    };
    let controller = Controller { api: cx.api.clone(), namespaces };
    cx.run("namespace", queue, controller, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            if !self.namespaces.get(key).is_some_and(|namespace| namespace.metadata.is_deleting()) {
                return Ok(Next::Change);
            }
            let target = Target { resource: &kinds::NAMESPACES, namespace: "", name: &key.name };
            let Some(namespace) = self.api.get::<Value>(target).await? else { return Ok(Next::Change) };
            let observed = self.empty(&key.name).await?;
            let plan = plan::plan(&namespace, &observed, Time::now());
            let mut current = namespace;
            if let Some(status) = plan.status {
                current["status"] = status;
                let stored = api::absent_as_none(self.api.update(target, "status", &current).await)?;
                let Some(stored) = stored else { return Ok(Next::Change) };
                current = stored;
            }
            let Some(finalizers) = plan.finalizers else { return Ok(Next::After(LOOK_AGAIN)) };
            current["spec"]["finalizers"] = finalizers;
            api::absent_as_none(self.api.update::<IgnoredAny>(target, "finalize", &current).await)?;
            Ok(Next::Change)
        })
    }
}

impl Controller {
    /// Deletes what can be deleted, and looks at what is left.
    async fn empty(&self, namespace: &str) -> Result<Observed, Error> {
        let discovered = discovery::discover(&self.api).await?;
        let mut observed = Observed { undiscovered: discovered.failed, ..Observed::default() };
        let mut resources = discovered.resources;
        resources.retain(|served| served.namespaced && served.can(&["list", "delete"]));
        // Pods first, so that what they use outlives them (KEP-5080).
        let (pods, others): (Vec<_>, Vec<_>) = resources.into_iter().partition(|served| served.resource == kinds::PODS);
        self.delete_all(namespace, &pods, &mut observed).await;
        if observed.remaining.is_empty() {
            self.delete_all(namespace, &others, &mut observed).await;
        }
        Ok(observed)
    }

    async fn delete_all(&self, namespace: &str, resources: &[Served], observed: &mut Observed) {
        for served in resources {
            match self.delete_each(namespace, served).await {
                Ok(remaining) => observed.remaining.extend(remaining),
                // The resource went away since it was discovered, or does not let itself be listed.
                Err(error) if error.is_not_found() => {}
                Err(error) => observed.failures.push(error.message()),
            }
        }
    }

    /// Deletes all objects of one resource, and answers with what remains after that.
    async fn delete_each(&self, namespace: &str, served: &Served) -> Result<Option<Remaining>, Error> {
        let resource = &served.resource;
        let objects = self.metadata(namespace, served).await?;
        if objects.is_empty() {
            return Ok(None);
        }
        if served.can(&["deletecollection"]) {
            self.api.delete_collection(resource, namespace).await?;
        } else {
            let background = api::Deletion { propagation_policy: Some("Background"), ..api::Deletion::default() };
            for object in &objects {
                let target = Target { resource, namespace, name: &object.name };
                api::absent_as_none(self.api.delete::<IgnoredAny>(target, &background).await)?;
            }
        }
        let left = self.metadata(namespace, served).await?;
        Ok((!left.is_empty()).then(|| Remaining::of(resource, &left)))
    }

    async fn metadata(&self, namespace: &str, served: &Served) -> Result<Vec<Meta>, Error> {
        #[derive(Deserialize)]
        struct Partial {
            metadata: Meta,
        }
        let path = served.resource.path(namespace);
        let list: List<Partial> = self.api.read_as(&path, api::METADATA_ONLY_LIST).await?;
        Ok(list.items.into_iter().map(|object| object.metadata).collect())
    }
}
