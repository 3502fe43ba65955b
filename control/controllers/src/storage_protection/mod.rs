//! Lets claims and volumes go that are deleted and that nobody uses any more.

mod plan;

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
    meta::{Key, Meta},
    queue::Queue,
    view::{
        metadata::{Claim, Volume},
        pod::Pod,
    },
};

use plan::{Pod as UsingPod, Stored};

/// The finalizers that the API server gives to new claims and volumes.
const CLAIM_FINALIZER: &str = "kubernetes.io/pvc-protection";
const VOLUME_FINALIZER: &str = "kubernetes.io/pv-protection";

struct Claims {
    api: Api,
    claims: Arc<Cache<Claim>>,
}

struct Volumes {
    api: Api,
    volumes: Arc<Cache<Volume>>,
}

/// Starts the controller of claims.
pub(crate) fn start_claims(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (claims, pods) = (cx.cache::<Claim>(), cx.cache::<Pod>());
    context::enqueue_itself(&claims, &queue);
    // A pod that ends or goes may have been the last that used a claim.
    let (waiting, to) = (claims.clone(), queue.clone());
    pods.listen(move |change| {
        let Some(pod) = change.latest().filter(|pod| change.new.is_none() || pod.is_terminal()) else { return };
        let deleted = waiting.in_namespace(&pod.metadata.namespace, |claim| claim.metadata.is_deleting());
        deleted.iter().for_each(|claim| to.add(claim.metadata.key()));
    });
    let synced = {
        let claims = claims.clone();
        async move { tokio::join!(claims.synced(), pods.synced()).0 }
    };
    let controller = Claims { api: cx.api.clone(), claims };
    cx.run("persistentvolumeclaim-protection", queue, controller, synced);
}

/// Starts the controller of volumes.
pub(crate) fn start_volumes(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let volumes = cx.cache::<Volume>();
    context::enqueue_itself(&volumes, &queue);
    let synced = {
        let volumes = volumes.clone();
        async move { volumes.synced().await }
    };
    let controller = Volumes { api: cx.api.clone(), volumes };
    cx.run("persistentvolume-protection", queue, controller, synced);
}

// === impl Claims ===

impl Reconcile for Claims {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(claim) = self.claims.get(key).filter(|claim| waits(&claim.metadata, CLAIM_FINALIZER)) else {
                return Ok(Next::Change);
            };
            // Asked anew and not of the cache: a pod that came this moment counts.
            let pods: Vec<UsingPod> = self.api.list(&kinds::PODS, &key.namespace, "").await?;
            if !plan::is_used(&key.name, &pods) {
                let target = Target { resource: &kinds::CLAIMS, namespace: &key.namespace, name: &key.name };
                release(&self.api, target, &claim.metadata, CLAIM_FINALIZER).await?;
            }
            Ok(Next::Change)
        })
    }
}

// === impl Volumes ===

impl Reconcile for Volumes {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(volume) = self.volumes.get(key).filter(|volume| waits(&volume.metadata, VOLUME_FINALIZER)) else {
                return Ok(Next::Change);
            };
            let target = Target { resource: &kinds::VOLUMES, namespace: "", name: &key.name };
            let stored: Option<Stored> = self.api.get(target).await?;
            if stored.is_some_and(|stored| !stored.is_bound()) {
                release(&self.api, target, &volume.metadata, VOLUME_FINALIZER).await?;
            }
            Ok(Next::Change)
        })
    }
}

/// Whether an object is deleted and held by this finalizer.
fn waits(meta: &Meta, finalizer: &str) -> bool {
    meta.is_deleting() && meta.finalizers.iter().any(|held| held.as_ref() == finalizer)
}

/// Takes a finalizer away, if the object is still as it was seen.
async fn release(api: &Api, target: Target<'_>, seen: &Meta, finalizer: &str) -> Result<(), Error> {
    let others: Vec<&str> = seen.finalizers.iter().map(AsRef::as_ref).filter(|held| *held != finalizer).collect();
    let metadata = json!({
        "uid": seen.uid, "resourceVersion": seen.resource_version.to_string(), "finalizers": others,
    });
    let patch = json!({"metadata": metadata});
    api::absent_as_none(api.patch::<IgnoredAny>(target, "", Patch::Merge, &patch).await)?;
    Ok(())
}
