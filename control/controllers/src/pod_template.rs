//! Pods made from the template of a workload.

use serde_json::{Value, json};

use crate::meta::Owner;

/// The pod that `template` describes, owned by `owner` and named after it.
pub(crate) fn pod(template: &Value, namespace: &str, owner: &Owner) -> Value {
    let metadata = &template["metadata"];
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", owner.name),
            "namespace": namespace,
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    });
    for field in ["labels", "annotations", "finalizers"] {
        if !metadata[field].is_null() {
            pod["metadata"][field] = metadata[field].clone();
        }
    }
    pod
}
