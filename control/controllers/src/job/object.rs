//! A Job as its controller reads it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{clock::Time, conditions::Condition, serde_null, workload::Workload};

/// A Job.
pub(super) type Job = Workload<Spec, Status>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) parallelism: Option<i64>,
    pub(super) completions: Option<i64>,
    pub(super) backoff_limit: Option<i64>,
    pub(super) active_deadline_seconds: Option<i64>,
    pub(super) ttl_seconds_after_finished: Option<i64>,
    pub(super) suspend: bool,
    pub(super) completion_mode: String,
    pub(super) pod_replacement_policy: String,
    pub(super) managed_by: Option<String>,
    pub(super) pod_failure_policy: Option<Value>,
    pub(super) success_policy: Option<Value>,
    pub(super) backoff_limit_per_index: Option<i64>,
    pub(super) template: Value,
}

/// Zero counts are absent, `ready` and `terminating` excepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) start_time: Option<Time>,
    pub(super) completion_time: Option<Time>,
    pub(super) active: Option<i64>,
    pub(super) ready: Option<i64>,
    pub(super) terminating: Option<i64>,
    pub(super) succeeded: Option<i64>,
    pub(super) failed: Option<i64>,
    pub(super) uncounted_terminated_pods: Option<Uncounted>,
    #[serde(with = "serde_null::list")]
    pub(super) conditions: Vec<Condition>,
}

/// Pods that have ended and are not in the counts yet, by uid. They get there when their finalizer is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Uncounted {
    #[serde(with = "serde_null::list")]
    pub(super) succeeded: Vec<Box<str>>,
    #[serde(with = "serde_null::list")]
    pub(super) failed: Vec<Box<str>>,
}

/// The name by which a Job says that this controller runs it.
const OURS: &str = "kubernetes.io/job-controller";

// === impl Job ===

impl Job {
    /// Whether somebody else runs it.
    pub(super) fn is_foreign(&self) -> bool {
        self.spec.managed_by.as_deref().is_some_and(|manager| manager != OURS)
    }

    /// What it asks for that this controller cannot do yet.
    pub(super) fn unsupported(&self) -> Option<&'static str> {
        match &self.spec {
            spec if spec.completion_mode == "Indexed" => Some("completionMode Indexed"),
            spec if spec.pod_failure_policy.is_some() => Some("podFailurePolicy"),
            spec if spec.success_policy.is_some() => Some("successPolicy"),
            spec if spec.backoff_limit_per_index.is_some() => Some("backoffLimitPerIndex"),
            _ => None,
        }
    }
}

// === impl Status ===

impl Status {
    /// Whether a condition of this type is true.
    pub(super) fn is(&self, name: &str) -> bool {
        self.conditions.iter().any(|condition| condition.name == name && condition.status == "True")
    }
}
