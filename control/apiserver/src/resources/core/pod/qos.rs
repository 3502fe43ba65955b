//! The quality-of-service class: who is evicted first when a node runs short (`ComputePodQOS`).

use serde_json::Value;

use crate::object::Fields;
use crate::resources::pod_template::resources::{Amounts, add};
use crate::validation::{entries, is_given, quantity};

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub fn class(spec: &Value) -> &'static str {
    let own = spec.at("resources").filter(|r| is_given(r.at("requests")) || is_given(r.at("limits")));
    let holders: Vec<&Value> = match own {
        Some(resources) => vec![resources],
        None => ["containers", "initContainers"]
            .iter()
            .flat_map(|list| spec.list_at(list))
            .map(|container| container.at("resources").unwrap_or(&Value::Null))
            .collect(),
    };
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let mut all_limited = true;
    for holder in holders {
        collect(&mut requests, holder.at("requests"));
        all_limited &= collect(&mut limits, holder.at("limits")) == 2;
    }
    if requests.is_empty() && limits.is_empty() {
        return "BestEffort";
    }
    if all_limited && requests == limits { "Guaranteed" } else { "Burstable" }
}

/// Adds the resources that count, and answers how many there were.
fn collect(total: &mut Amounts, list: Option<&Value>) -> usize {
    let counted: Amounts = entries(list)
        .filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory"))
        .map(|(name, value)| (name.clone(), quantity::of(value)))
        .filter(|(_, amount)| !amount.is_zero() && !amount.is_negative())
        .collect();
    add(total, &counted);
    counted.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_follows_from_requests_and_limits_of_all_containers() {
        let spec = |resources: &[Value]| {
            let containers: Vec<Value> = resources.iter().map(|r| json!({"resources": r})).collect();
            json!({"containers": containers})
        };
        let full = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1000m", "memory": "1Gi"}});
        let rows = [
            (spec(&[json!({})]), "BestEffort"),
            (spec(&[json!({"requests": {"cpu": "0"}})]), "BestEffort"),
            (spec(&[json!({"limits": {"example.com/gpu": "1"}})]), "BestEffort"),
            (spec(std::slice::from_ref(&full)), "Guaranteed"),
            (spec(&[full.clone(), json!({})]), "Burstable"),
            (spec(&[json!({"requests": {"cpu": "1"}})]), "Burstable"),
            (json!({"resources": full, "containers": [{}]}), "Guaranteed"),
        ];
        for (spec, expected) in rows {
            assert_eq!(class(&spec), expected, "{spec}");
        }
    }
}
