//! Pods made from the template of a workload.

use serde_json::{Value, json};

use crate::{api::Resource, meta::Meta, owner};

/// The pod that `template` describes, owned by the object of `resource` with this metadata and named after it.
pub(crate) fn pod(template: &Value, resource: &Resource, owner: &Meta) -> Value {
    let metadata = &template["metadata"];
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", owner.name),
            "namespace": owner.namespace,
            "ownerReferences": [owner::reference(resource, owner)],
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
