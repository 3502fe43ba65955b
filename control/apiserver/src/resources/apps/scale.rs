//! `autoscaling/v1` Scale: the replicas of a workload and nothing else of it, for those who only scale.

use serde_json::{Value, json};

use crate::field::{Errors, Path};
use crate::object::Fields;
use crate::resources::cell;
use crate::validation::number;

/// The Scale of a Deployment, ReplicaSet or StatefulSet.
pub fn of(object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.at("metadata").and_then(|all| all.get(field)) {
            metadata[field] = value.clone();
        }
    }
    let mut spec = json!({});
    // A Scale leaves out zero replicas in its spec, never in its status.
    if let Some(replicas) = object.i64_at("spec.replicas").filter(|replicas| *replicas != 0) {
        spec["replicas"] = json!(replicas);
    }
    let mut status = json!({"replicas": object.i64_at("status.replicas").unwrap_or_default()});
    let selector = cell::selector(object.at("spec.selector"));
    if selector != cell::NONE {
        status["selector"] = selector;
    }
    json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": spec, "status": status})
}

/// Puts the replicas of a Scale into its workload. A Scale without replicas means none.
pub fn apply(object: &mut Value, scale: &Value) {
    object.set("spec.replicas", scale.i64_at("spec.replicas").unwrap_or_default());
}

/// What is wrong with a Scale.
pub fn validate(scale: &Value) -> Errors {
    number::non_negative(&Path::new("spec.replicas"), scale.i64_at("spec.replicas"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_shows_replicas_and_the_selector_as_text() {
        let mut object = json!({
            "metadata": {"name": "a", "uid": "u", "labels": {"x": "y"}},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "a"}}}, "status": {},
        });
        let scale = of(&object);
        assert_eq!(scale["metadata"], json!({"name": "a", "uid": "u"}));
        assert_eq!(scale["spec"], json!({"replicas": 3}));
        assert_eq!(scale["status"], json!({"replicas": 0, "selector": "app=a"}));
        apply(&mut object, &json!({"spec": {}}));
        assert_eq!(object.i64_at("spec.replicas"), Some(0));
    }
}
