//! What controllers of pods do with them: adopt and release, make in growing batches, delete, and tell people.

use std::sync::Arc;

use futures::{StreamExt, stream};
use serde_json::Value;

use crate::{
    api::{self, Api, Deletion, Error, Resource, Target},
    cache::Cache,
    clock::Time,
    events::{Recorder, Regarding, Type},
    kinds,
    meta::Meta,
    owner::{self, Claim, Claimant},
    selector::Selector,
    view::pod::Pod,
};

/// At most so many pods are made or deleted at once for one owner.
pub(crate) const CONCURRENT_MAX: usize = 32;

/// The pods of the objects of one kind.
pub(crate) struct PodControl {
    pub(crate) api: Api,
    pub(crate) recorder: Recorder,
    pub(crate) pods: Arc<Cache<Pod>>,
    /// The kind that owns them.
    pub(crate) resource: &'static Resource,
}

/// Some pods were not made.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) count: usize,
    /// The first refusal.
    pub(crate) error: Error,
}

// === impl PodControl ===

impl PodControl {
    /// The pods that `owner` controls.
    pub(crate) fn owned(&self, owner: &Meta) -> Vec<Arc<Pod>> {
        self.pods.in_namespace(&owner.namespace, |pod| pod.metadata.is_controlled_by(&owner.uid))
    }

    /// Adopts and releases pods that `may` change hands, so that the labels and the owner references agree.
    pub(crate) async fn claim(
        &self,
        owner: &Meta,
        selector: &Selector,
        may: impl Fn(&Pod) -> bool + Sync,
    ) -> Result<(), Error> {
        let claimant = Claimant { meta: owner, selector };
        let claim = |pod: &Pod| if may(pod) { claimant.claim(&pod.metadata) } else { Claim::Foreign };
        let changing = |pod: &Pod| matches!(claim(pod), Claim::Adopt | Claim::Release);
        for pod in self.pods.in_namespace(&owner.namespace, changing) {
            let changed = match claim(&pod) {
                Claim::Adopt => {
                    let reference = owner::reference(self.resource, owner);
                    let adopted = owner::adopt(&self.api, &kinds::PODS, &pod.metadata, &reference).await;
                    api::absent_as_none(adopted)?
                }
                Claim::Release => owner::release(&self.api, &kinds::PODS, &pod.metadata, &owner.uid).await?,
                Claim::Owned | Claim::Foreign => None,
            };
            if let Some(changed) = changed {
                self.pods.observe(changed);
            }
        }
        Ok(())
    }

    /// Makes pods in batches that double, so that an owner whose pods are refused does not try hundreds of times.
    ///
    /// # Errors
    /// With the first refusal; what is left is not tried.
    pub(crate) async fn create(&self, owner: &Meta, pods: &[&Value]) -> Result<(), Missing> {
        let (mut left, mut batch) = (pods, 1);
        while !left.is_empty() {
            let (now, later) = left.split_at(batch.min(left.len()));
            let work: Vec<_> = now.iter().map(|pod| self.create_one(owner, pod)).collect();
            let made: Vec<_> = stream::iter(work).buffer_unordered(CONCURRENT_MAX).collect().await;
            let failed = made.iter().filter(|made| made.is_err()).count();
            if let Some(error) = made.into_iter().find_map(Result::err) {
                return Err(Missing { count: failed + later.len(), error });
            }
            (left, batch) = (later, batch * 2);
        }
        Ok(())
    }

    /// Makes one pod.
    pub(crate) async fn create_one(&self, owner: &Meta, pod: &Value) -> Result<(), Error> {
        match self.api.create::<Pod>(&kinds::PODS, &owner.namespace, pod).await {
            Ok(made) => {
                self.tell(owner, Type::Normal, "SuccessfulCreate", format!("Created pod: {}", made.metadata.name));
                self.pods.observe(made);
                Ok(())
            }
            Err(error) => {
                if !error.is_namespace_terminating() {
                    self.tell(owner, Type::Warning, "FailedCreate", format!("Error creating: {}", error.message()));
                }
                Err(error)
            }
        }
    }

    /// Deletes pods, many at once.
    ///
    /// # Errors
    /// With the first refusal; all are tried.
    pub(crate) async fn delete(&self, owner: &Meta, pods: &[Arc<Pod>]) -> Result<(), Error> {
        let work: Vec<_> = pods.iter().map(|pod| self.delete_one(owner, pod)).collect();
        let deleted: Vec<_> = stream::iter(work).buffer_unordered(CONCURRENT_MAX).collect().await;
        deleted.into_iter().collect()
    }

    /// Deletes one pod. That it is gone is as good.
    pub(crate) async fn delete_one(&self, owner: &Meta, pod: &Pod) -> Result<(), Error> {
        let deleted = self.api.delete::<Pod>(target(pod), &Deletion::of_uid(&pod.metadata.uid)).await;
        match api::absent_as_none(deleted) {
            Ok(deleted) => {
                self.tell(owner, Type::Normal, "SuccessfulDelete", format!("Deleted pod: {}", pod.metadata.name));
                if let Some(deleted) = deleted {
                    self.pods.observe_deletion(deleted, Time::now());
                }
                Ok(())
            }
            Err(error) => {
                self.tell(owner, Type::Warning, "FailedDelete", format!("Error deleting: {}", error.message()));
                Err(error)
            }
        }
    }

    /// Tells people something about the owner.
    pub(crate) fn tell(&self, owner: &Meta, event_type: Type, reason: &'static str, message: String) {
        self.recorder.record(Regarding::of(self.resource, owner), event_type, reason, message);
    }
}

/// Where a pod is.
pub(crate) fn target(pod: &Pod) -> Target<'_> {
    Target { resource: &kinds::PODS, namespace: &pod.metadata.namespace, name: &pod.metadata.name }
}
