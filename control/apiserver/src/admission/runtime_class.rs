//! A pod with a runtime class costs and goes what and where the class says.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::admission::{Context, Operation, Plugin};
use crate::error::Failure;
use crate::field::quote;
use crate::object::{Fields, as_map};
use crate::validation::{entries, is_given};

const CLASSES: &str = "node.k8s.io/runtimeclasses";

/// `RuntimeClass`.
pub struct RuntimeClass;

impl Plugin for RuntimeClass {
    fn name(&self) -> &'static str {
        "RuntimeClass"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, pod: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        if cx.operation != Operation::Create || !cx.is_about("", "pods") {
            return Box::pin(async { Ok(()) });
        }
        Box::pin(async move {
            let class = match pod.str_at("spec.runtimeClassName") {
                "" => None,
                name => {
                    let found = cx.registry.get(CLASSES, "", name).await?;
                    let missing = || cx.forbidden(&format!("pod rejected: RuntimeClass {} not found", quote(name)));
                    Some(found.ok_or_else(missing)?)
                }
            };
            give(pod, class.as_ref().unwrap_or(&Value::Null)).map_err(|what| cx.forbidden(&what))
        })
    }
}

/// Gives a pod the overhead and the placement of its class, or says where the pod contradicts it.
fn give(pod: &mut Value, class: &Value) -> Result<(), String> {
    let own = pod.at("spec.overhead").filter(|overhead| is_given(Some(overhead)));
    match (class.at("overhead.podFixed"), own) {
        (None, Some(_)) => {
            return Err("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".to_owned());
        }
        (Some(fixed), Some(own)) if fixed != own => {
            return Err("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead".to_owned());
        }
        (Some(fixed), _) => pod.set("spec.overhead", fixed.clone()),
        (None, None) => {}
    }
    for (key, value) in entries(class.at("scheduling.nodeSelector")) {
        pod.set_default("spec.nodeSelector", json!({}));
        // Keys hold dots, which a path would take apart.
        let selector = as_map(&mut pod["spec"]["nodeSelector"]);
        if let Some(own) = selector.get(key).filter(|own| *own != value) {
            let [wanted, own] = [value, own].map(|value| value.as_str().unwrap_or_default());
            return Err(format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {wanted}; pod.spec.nodeSelector[{key}] = {own}"
            ));
        }
        selector.insert(key.clone(), value.clone());
    }
    let mut tolerations = pod.list_at("spec.tolerations").to_vec();
    for toleration in class.list_at("scheduling.tolerations") {
        if !tolerations.contains(toleration) {
            tolerations.push(toleration.clone());
        }
    }
    if !tolerations.is_empty() {
        pod.set("spec.tolerations", tolerations);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_decides_overhead_and_placement() {
        let class = json!({"overhead": {"podFixed": {"cpu": "10m"}}, "scheduling": {"nodeSelector": {"a.b/c": "d"}}});
        let mut pod = json!({"spec": {}});
        assert_eq!(give(&mut pod, &class), Ok(()));
        assert_eq!(pod, json!({"spec": {"overhead": {"cpu": "10m"}, "nodeSelector": {"a.b/c": "d"}}}));
        assert!(give(&mut json!({"spec": {"overhead": {"cpu": "1"}}}), &class).is_err());
        assert!(give(&mut json!({"spec": {"overhead": {"cpu": "1"}}}), &Value::Null).is_err());
    }
}
