//! Rolls out the template of a Deployment through ReplicaSets.

mod object;
mod plan;
mod scale;
mod sets;
mod status;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
    api::{self, Api, Deletion, Error, Patch, Target},
    cache::Cache,
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    events::{Recorder, Regarding, Type},
    kinds,
    meta::{Key, Meta},
    owner::{self, Claim, Claimant},
    queue::Queue,
    view::{metadata, pod::Pod},
    workload,
};

use object::Deployment;
use plan::{Action, Observed, Plan};
use sets::Set;

struct Controller {
    api: Api,
    recorder: Recorder,
    pods: Arc<Cache<Pod>>,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (deployments, sets) = (cx.cache::<metadata::Deployment>(), cx.cache::<metadata::ReplicaSet>());
    let pods = cx.cache::<Pod>();
    context::enqueue_itself(&deployments, &queue);
    context::enqueue_controller(&sets, "Deployment", &queue);
    context::enqueue_adopters(&sets, &deployments, &queue);
    enqueue_emptied(&pods, &sets, &queue);
    let synced = {
        let pods = pods.clone();
        async move { tokio::join!(deployments.synced(), sets.synced(), pods.synced()).0 }
    };
    let controller = Controller { api: cx.api.clone(), recorder: cx.recorder("deployment-controller"), pods };
    cx.run("deployment", queue, controller, synced);
}

/// Adds the Deployment of a pod that is gone: one that recreates waits for the last of them.
fn enqueue_emptied(pods: &Cache<Pod>, sets: &Arc<Cache<metadata::ReplicaSet>>, queue: &Arc<Queue<Key>>) {
    let (sets, queue) = (sets.clone(), queue.clone());
    pods.listen(move |change| {
        let (Some(pod), None) = (change.old, change.new) else { return };
        let Some(owner) = pod.metadata.controller().filter(|owner| owner.kind.as_ref() == "ReplicaSet") else { return };
        let Some(set) = sets.get(&Key::new(&pod.metadata.namespace, &owner.name)) else { return };
        if let Some(owner) = set.metadata.controller() {
            queue.add(Key::new(&pod.metadata.namespace, &owner.name));
        }
    });
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let Some(observed) = self.observe(key).await? else { return Ok(Next::Change) };
            let now = Time::now();
            let Plan { actions, status, revision, look_again } = plan::plan(&observed, now);
            let meta = &observed.deployment.metadata;
            for action in actions {
                match self.apply(&observed.deployment, action).await {
                    Err(error) if error.is_namespace_terminating() => return Ok(Next::Change),
                    applied => applied?,
                }
            }
            let mut patch = json!({});
            if let Some(status) = status {
                patch["status"] = json!(status);
            }
            if let Some(revision) = revision {
                patch["metadata"]["annotations"] = json!({sets::REVISION: revision});
            }
            if patch != json!({}) {
                self.report(meta, &patch).await?;
            }
            Ok(look_again.map_or(Next::Change, |at| Next::After(at.after(now))))
        })
    }
}

impl Controller {
    async fn observe(&self, key: &Key) -> Result<Option<Observed>, Error> {
        let target = Target { resource: &kinds::DEPLOYMENTS, namespace: &key.namespace, name: &key.name };
        let Some(object) = self.api.get::<Value>(target).await? else { return Ok(None) };
        let annotations = sets::annotations(&object);
        let deployment: Deployment = workload::read(object)?;
        // One that selects everything would take over the whole namespace.
        if deployment.spec.selector.is_empty() {
            return Ok(None);
        }
        let sets = self.sets(&deployment).await?;
        let namespace = &key.namespace;
        let mut pods_left: BTreeMap<Box<str>, usize> = BTreeMap::new();
        for pod in self.pods.in_namespace(namespace, |pod| !pod.is_terminal()) {
            if let Some(owner) = pod.metadata.controller() {
                *pods_left.entry(owner.uid.clone()).or_default() += 1;
            }
        }
        Ok(Some(Observed { deployment, annotations, sets, pods_left }))
    }

    /// The sets that the Deployment owns, after it has adopted and released what it must.
    async fn sets(&self, deployment: &Deployment) -> Result<Vec<Set>, Error> {
        let claimant = Claimant { meta: &deployment.metadata, selector: &deployment.spec.selector };
        let mut owned = Vec::new();
        for object in self.api.list::<Value>(&kinds::REPLICA_SETS, &deployment.metadata.namespace, "").await? {
            let set = Set::read(object)?;
            match claimant.claim(&set.meta) {
                Claim::Owned => owned.push(set),
                Claim::Adopt => {
                    let reference = owner::reference(&kinds::DEPLOYMENTS, &deployment.metadata);
                    let adopted = owner::adopt(&self.api, &kinds::REPLICA_SETS, &set.meta, &reference).await;
                    if let Some(adopted) = api::absent_as_none(adopted)? {
                        owned.push(Set::read(adopted)?);
                    }
                }
                Claim::Release => {
                    let uid = &deployment.metadata.uid;
                    owner::release::<IgnoredAny>(&self.api, &kinds::REPLICA_SETS, &set.meta, uid).await?;
                }
                Claim::Foreign => {}
            }
        }
        Ok(owned)
    }

    async fn apply(&self, deployment: &Deployment, action: Action) -> Result<(), Error> {
        let namespace = deployment.metadata.namespace.as_ref();
        let target = |name| Target { resource: &kinds::REPLICA_SETS, namespace, name };
        let event = match action {
            Action::Create { object, event } => {
                self.create(deployment, &object).await?;
                event
            }
            Action::Update { name, uid, change, event } => {
                let spec = json!({"replicas": change.replicas, "minReadySeconds": change.min_ready_seconds});
                let patch = json!({"metadata": {"uid": uid, "annotations": change.annotations}, "spec": spec});
                self.api.patch::<IgnoredAny>(target(&name), "", Patch::Merge, &patch).await?;
                event
            }
            Action::Delete { name, uid } => {
                let deleted = self.api.delete::<IgnoredAny>(target(&name), &Deletion::of_uid(&uid)).await;
                api::absent_as_none(deleted)?;
                None
            }
        };
        if let Some(message) = event {
            self.tell(deployment, Type::Normal, "ScalingReplicaSet", message);
        }
        Ok(())
    }

    async fn create(&self, deployment: &Deployment, object: &Value) -> Result<(), Error> {
        let meta = &deployment.metadata;
        let Err(error) = self.api.create::<IgnoredAny>(&kinds::REPLICA_SETS, &meta.namespace, object).await else {
            return Ok(());
        };
        // A set of that name with another template (one with ours would have been found): the next hash will differ.
        if error.has_reason("AlreadyExists") {
            let collisions = deployment.status.collision_count.unwrap_or(0) + 1;
            self.report(meta, &json!({"status": {"collisionCount": collisions}})).await?;
        } else if !error.is_namespace_terminating() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let message = format!("Failed to create new replica set \"{name}\": {}", error.message());
            self.tell(deployment, Type::Warning, "ReplicaSetCreateError", message);
        }
        Err(error)
    }

    async fn report(&self, meta: &Meta, patch: &Value) -> Result<(), Error> {
        let target = Target { resource: &kinds::DEPLOYMENTS, namespace: &meta.namespace, name: &meta.name };
        let patched = self.api.patch::<IgnoredAny>(target, "status", Patch::Merge, patch).await;
        api::absent_as_none(patched).map(drop)
    }

    fn tell(&self, deployment: &Deployment, event_type: Type, reason: &'static str, message: String) {
        let regarding = Regarding::of(&kinds::DEPLOYMENTS, &deployment.metadata);
        self.recorder.record(regarding, event_type, reason, message);
    }
}
