//! Makes the Jobs of a CronJob when they are due.

mod object;
mod plan;
mod schedule;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
    api::{self, Api, Deletion, Error, Patch, Target},
    clock::Time,
    context::{self, Context},
    controller::{Next, Reconcile},
    events::{Recorder, Regarding, Type},
    kinds,
    meta::{Key, Meta},
    owner,
    queue::Queue,
    view::metadata,
    workload,
};

use object::{Active, CronJob, Job};
use plan::Run;

/// When the run of a Job was due.
const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

struct Controller {
    api: Api,
    recorder: Recorder,
}

/// Starts the controller.
pub(crate) fn start(cx: &mut Context) {
    let queue = Arc::new(Queue::new());
    let (crons, jobs) = (cx.cache::<metadata::CronJob>(), cx.cache::<metadata::Job>());
    context::enqueue_itself(&crons, &queue);
    context::enqueue_controller(&jobs, "CronJob", &queue);
    let synced = async move { tokio::join!(crons.synced(), jobs.synced()).0 };
    let controller = Controller { api: cx.api.clone(), recorder: cx.recorder("cronjob-controller") };
    cx.run("cronjob", queue, controller, synced);
}

// === impl Controller ===

impl Reconcile for Controller {
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>> {
        Box::pin(async move {
            let target = Target { resource: &kinds::CRON_JOBS, namespace: &key.namespace, name: &key.name };
            let Some(cron) = self.api.get::<CronJob>(target).await? else { return Ok(Next::Change) };
            let jobs = self.jobs(&cron.metadata).await?;
            let now = Time::now();
            let mut plan = plan::plan(&cron, &jobs, now);
            for (event_type, reason, message) in plan.events {
                self.tell(&cron.metadata, event_type, reason, message);
            }
            for (name, uid) in &plan.delete {
                self.delete(&cron.metadata, name, uid).await?;
            }
            // What goes wrong with the new run must not lose what is known of the old ones.
            let made = match plan.create {
                Some(run) => self.create(&cron, &run).await.map(|job| {
                    plan.status.active.push(Active::to(&job.metadata));
                    plan.status.last_schedule_time = Some(run.at);
                }),
                None => Ok(()),
            };
            if plan.status != cron.status {
                let patch = json!({"metadata": {"uid": cron.metadata.uid}, "status": plan.status});
                let patched = self.api.patch::<IgnoredAny>(target, "status", Patch::Merge, &patch).await;
                api::absent_as_none(patched)?;
            }
            match made {
                Err(error) if !error.is_namespace_terminating() => Err(error),
                Ok(()) | Err(_) => Ok(plan.look_again.map_or(Next::Change, |at| Next::After(at.after(now)))),
            }
        })
    }
}

impl Controller {
    /// The Jobs that the CronJob controls.
    async fn jobs(&self, cron: &Meta) -> Result<Vec<Job>, Error> {
        let mut jobs = Vec::new();
        for object in self.api.list::<Value>(&kinds::JOBS, &cron.namespace, "").await? {
            let job: Job = workload::read(object)?;
            if job.metadata.is_controlled_by(&cron.uid) {
                jobs.push(job);
            }
        }
        Ok(jobs)
    }

    async fn create(&self, cron: &CronJob, run: &Run) -> Result<Job, Error> {
        let (template, meta) = (&cron.spec.job_template, &cron.metadata);
        let mut annotations = template["metadata"]["annotations"].clone();
        annotations[SCHEDULED_AT] = json!(run.at);
        let job = json!({
            "apiVersion": kinds::JOBS.api_version(),
            "kind": "Job",
            "metadata": {
                "name": run.name,
                "namespace": meta.namespace,
                "labels": template["metadata"]["labels"],
                "annotations": annotations,
                "ownerReferences": [owner::reference(&kinds::CRON_JOBS, meta)],
            },
            "spec": template["spec"],
        });
        let made = self.api.create::<Job>(&kinds::JOBS, &meta.namespace, &job).await;
        match &made {
            Ok(_) => self.tell(meta, Type::Normal, "SuccessfulCreate", format!("Created job {}", run.name)),
            Err(error) if error.is_namespace_terminating() => {}
            Err(error) => {
                self.tell(meta, Type::Warning, "FailedCreate", format!("Error creating job: {}", error.message()));
            }
        }
        made
    }

    async fn delete(&self, cron: &Meta, name: &str, uid: &str) -> Result<(), Error> {
        let target = Target { resource: &kinds::JOBS, namespace: &cron.namespace, name };
        let deletion = Deletion { propagation_policy: Some("Background"), ..Deletion::of_uid(uid) };
        if api::absent_as_none(self.api.delete::<IgnoredAny>(target, &deletion).await)?.is_some() {
            self.tell(cron, Type::Normal, "SuccessfulDelete", format!("Deleted job {name}"));
        }
        Ok(())
    }

    fn tell(&self, cron: &Meta, event_type: Type, reason: &'static str, message: String) {
        self.recorder.record(Regarding::of(&kinds::CRON_JOBS, cron), event_type, reason, message);
    }
}
