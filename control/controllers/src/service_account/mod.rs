//! Gives every namespace the ServiceAccount `default`, and gives it back when somebody deletes it.

mod plan;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::IgnoredAny;

use crate::{
    api::{Api, Error},
    cache::Cache,
    context::{self, Context},
    controller::{Next, Reconcile},
    kinds,
    meta::Key,
    queue::Queue,
    view::metadata::{DefaultServiceAccount, Namespace},
    watch::Object,
};

struct Controller {
    api: Api,
    namespaces: Arc<Cache<Namespace>>,
    accounts: Arc<Cache<DefaultServiceAccount>>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (namespaces, accounts) = (cx.cache::<Namespace>(), cx.cache::<DefaultServiceAccount>());
    context::enqueue_itself(&namespaces, &queue);
    let deleted = queue.clone();
    accounts.listen(move |change| {
        if let (Some(old), None) = (change.old, change.new) {
            deleted.add(Key::new("", &old.meta().namespace));
        }
    });
    let synced = {
        let (namespaces, accounts) = (namespaces.clone(), accounts.clone());
        async move { tokio::join!(namespaces.synced(), accounts.synced()).0 }
    };
    let controller = Controller { api: cx.api.clone(), namespaces, accounts };
    cx.run("serviceaccount", queue, controller, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(namespace) = self.namespaces.get(key) else { return Ok(Next::Change) };
            let account = self.accounts.get(&Key::new(&key.name, plan::NAME));
            let Some(object) = plan::plan(namespace.meta(), account.as_deref().map(Object::meta)) else {
                return Ok(Next::Change);
            };
            match self.api.create::<IgnoredAny>(&kinds::SERVICE_ACCOUNTS, &key.name, &object).await {
                Err(error) if error.has_reason("AlreadyExists") || error.is_namespace_terminating() => {}
                Err(error) => return Err(error),
                Ok(_) => {}
            }
            Ok(Next::Change)
        })
    }
}
