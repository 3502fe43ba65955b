//! How much a pod asks for, and may use, as a whole (`k8s.io/component-helpers/resource`).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::Fields;
use crate::schema::Quantity;
use crate::validation::{entries, quantity};

/// Amounts by resource.
pub type Amounts = BTreeMap<String, Quantity>;

/// The amounts of a list of resources.
pub fn of(list: Option<&Value>) -> Amounts {
    entries(list).map(|(name, amount)| (name.clone(), quantity::of(amount))).collect()
}

/// The `requests` or `limits` of all containers at their most: containers run together, init containers one after the
/// other before them, and sidecars from their turn on. What the pod says of itself counts instead.
pub fn of_pod(pod: &Value, list: &str) -> Amounts {
    let path = format!("resources.{list}");
    let mut total = Amounts::new();
    for container in pod.list_at("spec.containers") {
        add(&mut total, &of(container.at(&path)));
    }
    let (mut sidecars, mut start) = (Amounts::new(), Amounts::new());
    for container in pod.list_at("spec.initContainers") {
        let own = of(container.at(&path));
        if container.str_at("restartPolicy") == "Always" {
            add(&mut total, &own);
            add(&mut sidecars, &own);
            raise(&mut start, &sidecars);
        } else {
            let mut turn = sidecars.clone();
            add(&mut turn, &own);
            raise(&mut start, &turn);
        }
    }
    raise(&mut total, &start);
    total.extend(of(pod.at(&format!("spec.{path}"))));
    total
}

fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = total.get(name).map_or_else(|| amount.clone(), |before| before.plus(amount));
        total.insert(name.clone(), sum);
    }
}

fn raise(total: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        if total.get(name).is_none_or(|before| before < amount) {
            total.insert(name.clone(), amount.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_needs_what_it_needs_at_its_most() {
        let cpu = |amount: &str| json!({"resources": {"requests": {"cpu": amount}}});
        let mut sidecar = cpu("100m");
        sidecar["restartPolicy"] = "Always".into();
        let mut pod = json!({"spec": {
            "containers": [cpu("200m"), cpu("300m")],
            "initContainers": [cpu("1"), sidecar, cpu("950m")],
        }});
        assert_eq!(of_pod(&pod, "requests")["cpu"].to_string(), "1050m");
        pod.set("spec.resources.requests.cpu", "2");
        assert_eq!(of_pod(&pod, "requests")["cpu"].to_string(), "2");
    }
}
