//! A CronJob as its controller reads it, and the Jobs that it has made.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;

use crate::{clock::Time, conditions::Condition, meta::Meta, serde_null, workload::Workload};

/// A CronJob.
pub(super) type CronJob = Workload<Spec, Status>;

/// A Job of which only its end is read.
pub(super) type Job = Workload<IgnoredAny, JobStatus>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) schedule: String,
    pub(super) time_zone: Option<String>,
    pub(super) starting_deadline_seconds: Option<i64>,
    pub(super) concurrency_policy: Concurrency,
    pub(super) suspend: bool,
    pub(super) successful_jobs_history_limit: Option<usize>,
    pub(super) failed_jobs_history_limit: Option<usize>,
    pub(super) job_template: Value,
}

/// What to do when a run is due while another is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Concurrency {
    #[default]
    Allow,
    Forbid,
    Replace,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    #[serde(with = "serde_null::list")]
    pub(super) active: Vec<Active>,
    pub(super) last_schedule_time: Option<Time>,
    pub(super) last_successful_time: Option<Time>,
}

/// A Job that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Active {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) resource_version: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct JobStatus {
    pub(super) start_time: Option<Time>,
    pub(super) completion_time: Option<Time>,
    #[serde(with = "serde_null::list")]
    pub(super) conditions: Vec<Condition>,
}

// === impl Job ===

impl Job {
    /// `Complete` or `Failed`, if it is over.
    pub(super) fn end(&self) -> Option<&str> {
        let mut said = self.status.conditions.iter().filter(|condition| condition.status == "True");
        said.find(|condition| matches!(condition.name.as_str(), "Complete" | "Failed")).map(|end| end.name.as_str())
    }
}

// === impl Active ===

impl Active {
    /// The reference to a Job.
    pub(super) fn to(job: &Meta) -> Self {
        Self {
            api_version: crate::kinds::JOBS.api_version(),
            kind: "Job".to_owned(),
            namespace: job.namespace.to_string(),
            name: job.name.to_string(),
            uid: job.uid.to_string(),
            resource_version: job.resource_version.to_string(),
        }
    }
}
