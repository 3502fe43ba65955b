//! Keeps as many pods as a ReplicaSet asks for.

pub(crate) mod object;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::{StreamExt, future::BoxFuture, stream};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{
    api::{self, Api, Deletion, Error, Patch, Target},
    cache::Cache,
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    events::{Recorder, Regarding, Type},
    kinds,
    meta::Key,
    owner::{self, Claim, Claimant},
    pod_template,
    queue::Queue,
    view::{metadata, pod::Pod},
};

use object::ReplicaSet;
use plan::{Failure, Plan};

/// At most so many pods are made or deleted at once for one set.
const CONCURRENT_MAX: usize = 32;

struct Controller {
    api: Api,
    recorder: Recorder,
    sets: Arc<Cache<metadata::ReplicaSet>>,
    pods: Arc<Cache<Pod>>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (sets, pods) = (cx.cache::<metadata::ReplicaSet>(), cx.cache::<Pod>());
    context::enqueue_itself(&sets, &queue);
    context::enqueue_controller(&pods, "ReplicaSet", &queue);
    enqueue_adopters(&pods, &sets, &queue);
    let synced = {
        let (sets, pods) = (sets.clone(), pods.clone());
        async move { tokio::join!(sets.synced(), pods.synced()).0 }
    };
    let recorder = cx.recorder("replicaset-controller");
    let controller = Controller { api: cx.api.clone(), recorder, sets, pods };
    cx.run("replicaset", queue, controller, synced);
}

/// Adds every set in the namespace of a pod without controller: any of them may adopt it. Such pods are rare.
fn enqueue_adopters(pods: &Cache<Pod>, sets: &Arc<Cache<metadata::ReplicaSet>>, queue: &Arc<Queue<Key>>) {
    let (sets, queue) = (sets.clone(), queue.clone());
    pods.listen(move |change| {
        let Some(pod) = change.new.filter(|pod| pod.metadata.controller().is_none()) else { return };
        for set in sets.in_namespace(&pod.metadata.namespace, |_| true) {
            queue.add(set.metadata.key());
        }
    });
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let target = Target { resource: &kinds::REPLICA_SETS, namespace: &key.namespace, name: &key.name };
            let Some(set) = self.api.get::<ReplicaSet>(target).await? else { return Ok(Next::Change) };
            self.claim(&set).await?;
            let plan = plan::plan(&set, &self.owned(&set), &self.related(&set), Time::now());
            let failure = self.apply(&set, plan).await;
            let (owned, now) = (self.owned(&set), Time::now());
            let status = plan::status(&set, &owned, failure.clone(), now);
            if status != set.status {
                let patch = json!({"status": status});
                let patched = self.api.patch::<IgnoredAny>(target, "status", Patch::Merge, &patch).await;
                api::absent_as_none(patched)?;
            }
            match (failure, plan::next_available(&set, &owned, now)) {
                (Some(failure), _) => Err(Error::Actions { reason: failure.message }),
                (None, Some(at)) => Ok(Next::After(at.after(now))),
                (None, None) => Ok(Next::Change),
            }
        })
    }
}

impl Controller {
    fn owned(&self, set: &ReplicaSet) -> Vec<Arc<Pod>> {
        self.pods.in_namespace(&set.metadata.namespace, |pod| pod.metadata.is_controlled_by(&set.metadata.uid))
    }

    /// The pods of all sets of the same Deployment, this one's included.
    fn related(&self, set: &ReplicaSet) -> Vec<Arc<Pod>> {
        let Some(deployment) = set.metadata.controller() else { return self.owned(set) };
        let namespace = &set.metadata.namespace;
        let sets = self.sets.in_namespace(namespace, |sibling| sibling.metadata.is_controlled_by(&deployment.uid));
        let is_related = |pod: &Pod| sets.iter().any(|sibling| pod.metadata.is_controlled_by(&sibling.metadata.uid));
        self.pods.in_namespace(namespace, is_related)
    }

    /// Adopts and releases pods, so that the labels and the owner references agree.
    async fn claim(&self, set: &ReplicaSet) -> Result<(), Error> {
        let claimant = Claimant { meta: &set.metadata, selector: &set.spec.selector };
        let claim = |pod: &Pod| match pod.is_terminal() {
            true => Claim::Foreign,
            false => claimant.claim(&pod.metadata),
        };
        let namespace = &set.metadata.namespace;
        let changing = |pod: &Pod| matches!(claim(pod), Claim::Adopt | Claim::Release);
        for pod in self.pods.in_namespace(namespace, changing) {
            let pod_meta = &pod.metadata;
            let changed = match claim(&pod) {
                Claim::Adopt => {
                    let reference = owner::reference(&kinds::REPLICA_SETS, &set.metadata);
                    let adopted = owner::adopt(&self.api, &kinds::PODS, pod_meta, &reference).await;
                    api::absent_as_none(adopted)?
                }
                Claim::Release => owner::release(&self.api, &kinds::PODS, pod_meta, &set.metadata.uid).await?,
                Claim::Owned | Claim::Foreign => None,
            };
            if let Some(changed) = changed {
                self.pods.observe(changed);
            }
        }
        Ok(())
    }

    async fn apply(&self, set: &ReplicaSet, plan: Plan) -> Option<Failure> {
        match plan.delete.is_empty() {
            true => self.create(set, plan.create).await,
            false => self.delete(set, plan.delete).await,
        }
    }

    /// Makes pods in batches that double, so that a set whose pods are refused does not try hundreds of times.
    async fn create(&self, set: &ReplicaSet, count: usize) -> Option<Failure> {
        let reference = owner::reference(&kinds::REPLICA_SETS, &set.metadata);
        let pod = pod_template::pod(&set.spec.template, &set.metadata.namespace, &reference);
        let (mut left, mut batch) = (count, 1);
        while left > 0 {
            let now = batch.min(left);
            let work: Vec<_> = (0..now).map(|_| self.create_one(set, &pod)).collect();
            let made: Vec<_> = stream::iter(work).buffer_unordered(CONCURRENT_MAX).collect().await;
            if let Some(error) = made.into_iter().find_map(Result::err) {
                return (!error.is_namespace_terminating())
                    .then(|| Failure { reason: "FailedCreate", message: error.message() });
            }
            (left, batch) = (left - now, batch * 2);
        }
        None
    }

    async fn create_one(&self, set: &ReplicaSet, pod: &serde_json::Value) -> Result<(), Error> {
        let regarding = Regarding::of(&kinds::REPLICA_SETS, &set.metadata);
        match self.api.create::<Pod>(&kinds::PODS, &set.metadata.namespace, pod).await {
            Ok(made) => {
                let message = format!("Created pod: {}", made.metadata.name);
                self.recorder.record(regarding, Type::Normal, "SuccessfulCreate", message);
                self.pods.observe(made);
                Ok(())
            }
            Err(error) => {
                if !error.is_namespace_terminating() {
                    let message = format!("Error creating: {}", error.message());
                    self.recorder.record(regarding, Type::Warning, "FailedCreate", message);
                }
                Err(error)
            }
        }
    }

    async fn delete(&self, set: &ReplicaSet, pods: Vec<Arc<Pod>>) -> Option<Failure> {
        let work: Vec<_> = pods.iter().map(|pod| self.delete_one(set, pod)).collect();
        let deleted: Vec<_> = stream::iter(work).buffer_unordered(CONCURRENT_MAX).collect().await;
        let error = deleted.into_iter().find_map(Result::err)?;
        Some(Failure { reason: "FailedDelete", message: error.message() })
    }

    async fn delete_one(&self, set: &ReplicaSet, pod: &Pod) -> Result<(), Error> {
        let regarding = Regarding::of(&kinds::REPLICA_SETS, &set.metadata);
        let meta = &pod.metadata;
        let target = Target { resource: &kinds::PODS, namespace: &meta.namespace, name: &meta.name };
        match api::absent_as_none(self.api.delete::<Pod>(target, &Deletion::of_uid(&meta.uid)).await) {
            Ok(deleted) => {
                let message = format!("Deleted pod: {}", meta.name);
                self.recorder.record(regarding, Type::Normal, "SuccessfulDelete", message);
                if let Some(deleted) = deleted {
                    self.pods.observe_deletion(deleted, Time::now());
                }
                Ok(())
            }
            Err(error) => {
                let message = format!("Error deleting: {}", error.message());
                self.recorder.record(regarding, Type::Warning, "FailedDelete", message);
                Err(error)
            }
        }
    }
}
