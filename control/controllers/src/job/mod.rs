//! Runs the pods of a Job until enough of them have succeeded, or too many have failed.

mod object;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::{StreamExt, future::BoxFuture, stream};
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
    meta::Key,
    owner, pod_template,
    queue::Queue,
    view::{metadata, pod::Pod},
};

use object::Job;
use plan::{FINALIZER, Plan};

/// At most so many pods are made, deleted or let go at once for one Job.
const CONCURRENT_MAX: usize = 32;

struct Controller {
    api: Api,
    recorder: Recorder,
    pods: Arc<Cache<Pod>>,
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
    let controller = Controller { api: cx.api.clone(), recorder: cx.recorder("job-controller"), pods };
    cx.run("job", queue, controller, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let target = Target { resource: &kinds::JOBS, namespace: &key.namespace, name: &key.name };
            let Some(job) = self.api.get::<Job>(target).await? else { return self.release_orphans(key).await };
            if job.is_foreign() {
                return Ok(Next::Change);
            }
            if let Some(what) = job.unsupported() {
                let message = format!("{what} is not supported yet: no pod is made");
                self.tell(&job, Type::Warning, "Unsupported", message);
                return Ok(Next::Change);
            }
            let uid = &job.metadata.uid;
            let pods = self.pods.in_namespace(&key.namespace, |pod| pod.metadata.is_controlled_by(uid));
            let now = Time::now();
            let plan = plan::plan(&job, &pods, now);
            let look_again = plan.look_again;
            self.apply(&job, plan).await?;
            if let Some(at) = expires_at(&job).filter(|at| *at <= now) {
                tracing::debug!(job = %key, at = %at, "expired");
                let deletion = Deletion { propagation_policy: Some("Foreground"), ..Deletion::of_uid(uid) };
                api::absent_as_none(self.api.delete::<IgnoredAny>(target, &deletion).await)?;
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
        if let Err((missing, _)) = &made {
            status.active = crate::serde_null::count(status.active.unwrap_or(0) - missing);
        }
        for pod in &plan.drop {
            self.untrack(pod).await?;
            self.delete(job, pod).await?;
        }
        for pod in &plan.stop {
            self.delete(job, pod).await?;
        }
        if status != job.status {
            let meta = &job.metadata;
            let target = Target { resource: &kinds::JOBS, namespace: &meta.namespace, name: &meta.name };
            // With the version that the counts were read at: a count must never be added twice.
            let metadata = json!({"uid": meta.uid, "resourceVersion": meta.resource_version.to_string()});
            let patch = json!({"metadata": metadata, "status": status});
            self.api.patch::<IgnoredAny>(target, "status", Patch::Merge, &patch).await?;
        }
        for (event_type, reason, message) in plan.events {
            self.tell(job, event_type, reason, message.to_owned());
        }
        let work: Vec<_> = plan.untrack.iter().map(|pod| self.untrack(pod)).collect();
        let done: Vec<_> = stream::iter(work).buffer_unordered(CONCURRENT_MAX).collect().await;
        done.into_iter().collect::<Result<(), Error>>()?;
        made.map_err(|(_, error)| error)
    }

    /// Makes pods in batches that double. Answers with how many are missing if one is refused.
    async fn create(&self, job: &Job, count: usize) -> Result<(), (i64, Error)> {
        let reference = owner::reference(&kinds::JOBS, &job.metadata);
        let mut pod = pod_template::pod(&job.spec.template, &job.metadata.namespace, &reference);
        let finalizers = pod["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        pod["metadata"]["finalizers"] = finalizers.into_iter().chain([FINALIZER.into()]).collect();
        let (mut left, mut batch) = (count, 1);
        while left > 0 {
            let now = batch.min(left);
            let work: Vec<_> = (0..now).map(|_| self.create_one(job, &pod)).collect();
            let made: Vec<_> = stream::iter(work).buffer_unordered(CONCURRENT_MAX).collect().await;
            left -= made.iter().filter(|made| made.is_ok()).count();
            if let Some(error) = made.into_iter().find_map(Result::err) {
                return Err((i64::try_from(left).unwrap_or(i64::MAX), error));
            }
            batch *= 2;
        }
        Ok(())
    }

    async fn create_one(&self, job: &Job, pod: &Value) -> Result<(), Error> {
        match self.api.create::<Pod>(&kinds::PODS, &job.metadata.namespace, pod).await {
            Ok(made) => {
                self.tell(job, Type::Normal, "SuccessfulCreate", format!("Created pod: {}", made.metadata.name));
                self.pods.observe(made);
                Ok(())
            }
            Err(error) => {
                if !error.is_namespace_terminating() {
                    self.tell(job, Type::Warning, "FailedCreate", format!("Error creating: {}", error.message()));
                }
                Err(error)
            }
        }
    }

    async fn delete(&self, job: &Job, pod: &Pod) -> Result<(), Error> {
        let deleted = self.api.delete::<Pod>(target(pod), &Deletion::of_uid(&pod.metadata.uid)).await;
        if let Some(deleted) = api::absent_as_none(deleted)? {
            self.tell(job, Type::Normal, "SuccessfulDelete", format!("Deleted pod: {}", pod.metadata.name));
            self.pods.observe_deletion(deleted, Time::now());
        }
        Ok(())
    }

    /// Takes the finalizer away that has held the pod until it was counted.
    async fn untrack(&self, pod: &Pod) -> Result<(), Error> {
        let patch = json!({"metadata": {
            "uid": pod.metadata.uid, "$deleteFromPrimitiveList/finalizers": [FINALIZER],
        }});
        let patched = self.api.patch::<Pod>(target(pod), "", Patch::Strategic, &patch).await;
        match api::absent_as_none(patched)? {
            // One that is deleting goes with its last finalizer; the watch will tell.
            Some(patched) if !patched.metadata.is_deleting() => self.pods.observe(patched),
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
        for pod in self.pods.in_namespace(&job.namespace, left) {
            self.untrack(&pod).await?;
        }
        Ok(Next::Change)
    }

    fn tell(&self, job: &Job, event_type: Type, reason: &'static str, message: String) {
        self.recorder.record(Regarding::of(&kinds::JOBS, &job.metadata), event_type, reason, message);
    }
}

fn target(pod: &Pod) -> Target<'_> {
    Target { resource: &kinds::PODS, namespace: &pod.metadata.namespace, name: &pod.metadata.name }
}
