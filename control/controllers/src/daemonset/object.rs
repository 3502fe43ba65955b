//! A DaemonSet as its controller reads it, and its revisions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    meta::Meta,
    selector::Selector,
    workload::{Workload, hundredths},
};

/// A DaemonSet.
pub(super) type DaemonSet = Workload<Spec, Status>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) selector: Selector,
    pub(super) template: Value,
    pub(super) update_strategy: Strategy,
    pub(super) min_ready_seconds: i64,
    pub(super) revision_history_limit: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Strategy {
    #[serde(rename = "type")]
    pub(super) name: String,
    pub(super) rolling_update: RollingUpdate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RollingUpdate {
    pub(super) max_surge: Value,
    pub(super) max_unavailable: Value,
}

/// Zero counts are absent, the first four excepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) current_number_scheduled: i64,
    pub(super) desired_number_scheduled: i64,
    pub(super) number_misscheduled: i64,
    pub(super) number_ready: i64,
    pub(super) number_available: Option<i64>,
    pub(super) number_unavailable: Option<i64>,
    pub(super) updated_number_scheduled: Option<i64>,
    pub(super) observed_generation: Option<i64>,
    pub(super) collision_count: Option<i64>,
}

/// A template that the set has or had.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Revision {
    pub(super) metadata: Meta,
    pub(super) data: Value,
    pub(super) revision: i64,
}

// === impl DaemonSet ===

impl DaemonSet {
    /// Whether pods are replaced as soon as the template changes.
    pub(super) fn is_rolling(&self) -> bool {
        self.spec.update_strategy.name != "OnDelete"
    }

    /// How many pods there may be more than one a node, and how many nodes may be without, of `nodes`. Both round up; if
    /// both are zero, one node may be without, or nothing could move.
    pub(super) fn fenceposts(&self, nodes: usize) -> (usize, usize) {
        let rolling = &self.spec.update_strategy.rolling_update;
        let total = i64::try_from(nodes).unwrap_or(i64::MAX);
        let whole = |value| usize::try_from(hundredths(value, total).saturating_add(99) / 100).unwrap_or(0);
        match (whole(&rolling.max_surge), whole(&rolling.max_unavailable)) {
            (0, 0) => (0, 1),
            fenceposts => fenceposts,
        }
    }
}
