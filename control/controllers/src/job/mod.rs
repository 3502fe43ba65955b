//! Runs the pods of a Job until enough of them have succeeded, or too many have failed.

mod object;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::{StreamExt, future::BoxFuture, stream};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{
    api::{self, Deletion, Error, Patch, Target},
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    events::Type,
    kinds,
    meta::Key,
    pod_control::{self, Missing, PodControl},
    pod_template,
    queue::Queue,
    view::{metadata, pod::Pod},
};

use object::Job;
use plan::{FINALIZER, Plan};

struct Controller {
    control: PodControl,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (jobs, pods) = (cx.cache::<metadata::Job>(), cx.cache::<Pod>());
    context::enqueue_itself(&jobs, &queue);
    context::enqueue_controller(&pods, "Job", &queue);
    let synced = {
        let pods = pods.clone();
        async move { tokio::join!(jobs.synced(), pods.synced()).0 }
    };
    let recorder = cx.recorder("job-controller");
    let control = PodControl { api: cx.api.clone(), recorder, pods, resource: &kinds::JOBS };
    cx.run("job", queue, Controller { control }, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let target = Target { resource: &kinds::JOBS, namespace: &key.namespace, name: &key.name };
            let Some(job) = self.control.api.get::<Job>(target).await? else { return self.release_orphans(key).await };
            if job.is_foreign() {
                return Ok(Next::Change);
            }
            if let Some(what) = job.unsupported() {
                let message = format!("{what} is not supported yet: no pod is made");
                self.control.tell(&job.metadata, Type::Warning, "Unsupported", message);
                return Ok(Next::Change);
            }
            let uid = &job.metadata.uid;
            let pods = self.control.owned(&job.metadata);
            let now = Time::now();
            let plan = plan::plan(&job, &pods, now);
            let look_again = plan.look_again;
            self.apply(&job, plan).await?;
            if let Some(at) = expires_at(&job).filter(|at| *at <= now) {
                tracing::debug!(job = %key, at = %at, "expired");
                let deletion = Deletion { propagation_policy: Some("Foreground"), ..Deletion::of_uid(uid) };
                api::absent_as_none(self.control.api.delete::<IgnoredAny>(target, &deletion).await)?;
            }
            let next = look_again.or(expires_at(&job)).filter(|at| *at > now);
            Ok(next.map_or(Next::Change, |at| Next::After(at.after(now))))
        })
    }
}

/// When a Job that is over is to be deleted.
fn expires_at(job: &Job) -> Option<Time> {
    let ended = job.status.conditions.iter().find(|said| matches!(said.name.as_str(), "Complete" | "Failed"))?;
    Some(ended.last_transition_time?.plus(job.spec.ttl_seconds_after_finished?))
}

impl Controller {
    async fn apply(&self, job: &Job, plan: Plan) -> Result<(), Error> {
        let mut status = plan.status;
        let made = self.create(job, plan.create).await;
        if let Err(missing) = &made {
            let missing = i64::try_from(missing.count).unwrap_or(i64::MAX);
            status.active = crate::serde_null::count(status.active.unwrap_or(0) - missing);
        }
        for pod in &plan.drop {
            self.untrack(pod).await?;
        }
        self.control.delete(&job.metadata, &plan.drop).await?;
        self.control.delete(&job.metadata, &plan.stop).await?;
        if status != job.status {
            let meta = &job.metadata;
            let target = Target { resource: &kinds::JOBS, namespace: &meta.namespace, name: &meta.name };
            // With the version that the counts were read at: a count must never be added twice.
            let metadata = json!({"uid": meta.uid, "resourceVersion": meta.resource_version.to_string()});
            let patch = json!({"metadata": metadata, "status": status});
            self.control.api.patch::<IgnoredAny>(target, "status", Patch::Merge, &patch).await?;
        }
        for (event_type, reason, message) in plan.events {
            self.control.tell(&job.metadata, event_type, reason, message.to_owned());
        }
        let work: Vec<_> = plan.untrack.iter().map(|pod| self.untrack(pod)).collect();
        let done: Vec<_> = stream::iter(work).buffer_unordered(pod_control::CONCURRENT_MAX).collect().await;
        done.into_iter().collect::<Result<(), Error>>()?;
        made.map_err(|missing| missing.error)
    }

    /// Makes the pods, which are held until they are counted.
    async fn create(&self, job: &Job, count: usize) -> Result<(), Missing> {
        let mut pod = pod_template::pod(&job.spec.template, &kinds::JOBS, &job.metadata);
        let finalizers = pod["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        pod["metadata"]["finalizers"] = finalizers.into_iter().chain([FINALIZER.into()]).collect();
        self.control.create(&job.metadata, &vec![&pod; count]).await
    }

    /// Takes the finalizer away that has held the pod until it was counted.
    async fn untrack(&self, pod: &Pod) -> Result<(), Error> {
        let patch = json!({"metadata": {
            "uid": pod.metadata.uid, "$deleteFromPrimitiveList/finalizers": [FINALIZER],
        }});
        let patched = self.control.api.patch::<Pod>(pod_control::target(pod), "", Patch::Strategic, &patch).await;
        match api::absent_as_none(patched)? {
            // One that is deleting goes with its last finalizer; the watch will tell.
            Some(patched) if !patched.metadata.is_deleting() => self.control.pods.observe(patched),
            Some(_) | None => {}
        }
        Ok(())
    }

    /// Lets the pods go that a Job has left behind which is gone: nobody will count them.
    async fn release_orphans(&self, job: &Key) -> Result<Next, Error> {
        let left = |pod: &Pod| {
            let owner = pod.metadata.controller();
            pod.metadata.has_finalizer(FINALIZER)
                && owner.is_some_and(|owner| *owner.kind == *"Job" && *owner.name == *job.name)
        };
        for pod in self.control.pods.in_namespace(&job.namespace, left) {
            self.untrack(&pod).await?;
        }
        Ok(Next::Change)
    }
}
