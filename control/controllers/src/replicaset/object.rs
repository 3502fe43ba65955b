//! A ReplicaSet as its own controller and the Deployment controller read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{conditions::Condition, selector::Selector, serde_null, workload::Workload};

/// A ReplicaSet, or a ReplicationController that was read as one.
pub(crate) type ReplicaSet = Workload<Spec, Status>;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Spec {
    pub(crate) replicas: i64,
    pub(crate) min_ready_seconds: i64,
    pub(crate) selector: Selector,
    pub(crate) template: Value,
}

/// Zero counts are absent, `replicas` excepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) replicas: i64,
    pub(crate) fully_labeled_replicas: Option<i64>,
    pub(crate) ready_replicas: Option<i64>,
    pub(crate) available_replicas: Option<i64>,
    pub(crate) terminating_replicas: Option<i64>,
    pub(crate) observed_generation: Option<i64>,
    #[serde(with = "serde_null::list")]
    pub(crate) conditions: Vec<Condition>,
}

impl Default for Spec {
    fn default() -> Self {
        Self { replicas: 1, min_ready_seconds: 0, selector: Selector::default(), template: Value::Null }
    }
}
