//! What an autoscaler gets that does not say it (`pkg/apis/autoscaling/v2/defaults.go`).

use serde_json::{Value, json};

use crate::object::Fields;
use crate::validation::is_given;

/// Which share of the requested CPU pods should use, if nobody says what to look at.
const CPU_PERCENT: i64 = 80;

/// Fills in what the client left out.
pub(super) fn default(object: &mut Value) {
    object.set_default("spec.minReplicas", 1);
    if !is_given(object.at("spec.metrics")) {
        let target = json!({"type": "Utilization", "averageUtilization": CPU_PERCENT});
        object.set("spec.metrics", json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
    }
    if let Some(behavior) = object.at_mut("spec.behavior").filter(|behavior| behavior.is_object()) {
        let up = json!([
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ]);
        rules(behavior, "scaleUp", up);
        behavior.set_default("scaleUp.stabilizationWindowSeconds", 0);
        rules(behavior, "scaleDown", json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]));
    }
}

/// An empty list of policies is not the same as none: it is refused.
fn rules(behavior: &mut Value, direction: &str, policies: Value) {
    behavior.set_default(direction, json!({}));
    behavior.set_default(&format!("{direction}.selectPolicy"), "Max");
    behavior.set_default(&format!("{direction}.policies"), policies);
}
