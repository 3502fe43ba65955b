//! A Deployment as its controller reads it, and the arithmetic of its strategy.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    conditions::Condition,
    selector::Selector,
    serde_null,
    workload::{Workload, hundredths},
};

/// A Deployment.
pub(super) type Deployment = Workload<Spec, Status>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) replicas: Option<i64>,
    pub(super) selector: Selector,
    pub(super) template: Value,
    pub(super) strategy: Strategy,
    pub(super) min_ready_seconds: i64,
    pub(super) revision_history_limit: Option<usize>,
    pub(super) paused: bool,
    pub(super) progress_deadline_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Strategy {
    #[serde(rename = "type")]
    pub(super) name: String,
    pub(super) rolling_update: Option<RollingUpdate>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RollingUpdate {
    pub(super) max_surge: Value,
    pub(super) max_unavailable: Value,
}

/// Zero counts are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) observed_generation: Option<i64>,
    pub(super) replicas: Option<i64>,
    pub(super) updated_replicas: Option<i64>,
    pub(super) ready_replicas: Option<i64>,
    pub(super) available_replicas: Option<i64>,
    pub(super) unavailable_replicas: Option<i64>,
    pub(super) terminating_replicas: Option<i64>,
    pub(super) collision_count: Option<i64>,
    #[serde(with = "serde_null::list")]
    pub(super) conditions: Vec<Condition>,
}

/// The deadline that means none, as upstream has it.
const NO_DEADLINE: i64 = i32::MAX as i64;

// === impl Deployment ===

impl Deployment {
    /// How many pods are wanted.
    pub(super) fn replicas(&self) -> i64 {
        self.spec.replicas.unwrap_or(1)
    }

    /// Whether pods of two revisions may run side by side.
    pub(super) fn is_rolling(&self) -> bool {
        self.spec.strategy.name != "Recreate"
    }

    /// After how many seconds without progress a rollout counts as failed.
    pub(super) fn deadline(&self) -> Option<i64> {
        self.spec.progress_deadline_seconds.filter(|seconds| *seconds != NO_DEADLINE)
    }

    /// How many pods there may be more than wanted.
    pub(super) fn max_surge(&self) -> i64 {
        if self.is_rolling() { self.fenceposts().0 } else { 0 }
    }

    /// How many pods there may be less than wanted.
    pub(super) fn max_unavailable(&self) -> i64 {
        if self.is_rolling() && self.replicas() > 0 { self.fenceposts().1.min(self.replicas()) } else { 0 }
    }

    /// Surge rounds up and unavailability down; if both are zero, one pod may be unavailable, or nothing could move.
    fn fenceposts(&self) -> (i64, i64) {
        let rolling = self.spec.strategy.rolling_update.clone().unwrap_or_default();
        let surge = hundredths(&rolling.max_surge, self.replicas()).saturating_add(99) / 100;
        match (surge, hundredths(&rolling.max_unavailable, self.replicas()) / 100) {
            (0, 0) => (0, 1),
            fenceposts => fenceposts,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn surge_rounds_up_and_unavailability_down() {
        for (replicas, surge, unavailable, expected) in [
            (4, json!("25%"), json!("25%"), (1, 1)),
            (2, json!("25%"), json!("25%"), (1, 0)),
            (10, json!(3), json!("15%"), (3, 1)),
            (3, json!(0), json!("10%"), (0, 1)),
            (2, json!(0), json!(5), (0, 2)),
        ] {
            let rolling = json!({"maxSurge": surge, "maxUnavailable": unavailable});
            let spec = json!({"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}});
            let deployment: Deployment = serde_json::from_value(json!({"spec": spec})).unwrap();
            assert_eq!((deployment.max_surge(), deployment.max_unavailable()), expected, "{spec}");
        }
    }
}
