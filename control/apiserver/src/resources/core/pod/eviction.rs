//! `/eviction`: a deletion that disruption budgets may refuse (`pkg/registry/core/pod/storage/eviction.go`).

use http::StatusCode;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::object::Fields;
use crate::registry::resource::Now;
use crate::schema::time::{Precision, format};
use crate::validation::selector;

/// How many pods a budget can hold in `disruptedPods` before it must catch up.
const DISRUPTED_PODS_MAX: usize = 2000;
const RETRY_SECONDS: u32 = 10;

/// What an eviction does.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// The pod is deleted.
    Delete,
    /// The pod is deleted after this budget, with one disruption less allowed, is stored.
    Spend(Box<Value>),
}

/// Checks an Eviction for the pod `name` of the URL.
///
/// # Errors
/// 400 for another name.
pub fn check(eviction: &Value, name: &str) -> Result<(), Failure> {
    if eviction.str_at("metadata.name") == name {
        return Ok(());
    }
    Err(Failure::bad_request("name in URL does not match name in Eviction object"))
}

/// Decides over an eviction of `pod`, given all budgets of its namespace.
///
/// # Errors
/// 429 where a budget refuses, 500 where several select the pod.
pub fn plan(pod: &Value, budgets: &[Value], now: Now) -> Result<Verdict, Failure> {
    if can_ignore_budgets(pod) {
        return Ok(Verdict::Delete);
    }
    let labels = pod.at("metadata.labels");
    let selecting: Vec<&Value> =
        budgets.iter().filter(|budget| selector::matches(budget.at("spec.selector"), labels)).collect();
    let budget = match selecting.as_slice() {
        [] => return Ok(Verdict::Delete),
        [budget] => *budget,
        _ => {
            let message =
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(Failure::bare(message));
        }
    };
    let healthy_enough = budget.i64_at("status.currentHealthy").unwrap_or(0)
        >= budget.i64_at("status.desiredHealthy").unwrap_or(0)
        && budget.i64_at("status.desiredHealthy").unwrap_or(0) > 0;
    if !is_ready(pod) {
        // A pod that serves nobody may go unless the budget says otherwise.
        let always = budget.str_at("spec.unhealthyPodEvictionPolicy") == "AlwaysAllow";
        if always || healthy_enough {
            return Ok(Verdict::Delete);
        }
    }
    spend(pod, budget, now).map(|budget| Verdict::Spend(Box::new(budget)))
}

/// Says in the pod why it goes.
pub fn mark(pod: &mut Value, now: Now) {
    let kind = "DisruptionTarget";
    let mut conditions = pod.list_at("status.conditions").to_vec();
    let known = conditions.iter().any(|c| c.str_at("type") == kind && c.str_at("status") == "True");
    if known {
        return;
    }
    conditions.retain(|condition| condition.str_at("type") != kind);
    conditions.push(json!({
        "type": kind, "status": "True", "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting",
        "lastProbeTime": null, "lastTransitionTime": format(now.0, Precision::Seconds),
    }));
    pod.set("status.conditions", conditions);
}

fn can_ignore_budgets(pod: &Value) -> bool {
    matches!(pod.str_at("status.phase"), "Succeeded" | "Failed" | "Pending")
        || pod.at("metadata.deletionTimestamp").is_some()
}

fn is_ready(pod: &Value) -> bool {
    pod.list_at("status.conditions").iter().any(|c| c.str_at("type") == "Ready" && c.str_at("status") == "True")
}

fn spend(pod: &Value, budget: &Value, now: Now) -> Result<Value, Failure> {
    let name = budget.str_at("metadata.name");
    let observed = budget.i64_at("status.observedGeneration").unwrap_or(0);
    if observed < budget.i64_at("metadata.generation").unwrap_or(0) {
        let cause = format!("The disruption budget {name} is still being processed by the server.");
        return Err(too_many(&cause, Some(RETRY_SECONDS)));
    }
    let allowed = budget.i64_at("status.disruptionsAllowed").unwrap_or(0);
    if allowed < 0 {
        let message = "pdb disruptions allowed is negative";
        return Err(Failure::forbidden("policy", "poddisruptionbudgets", name, message));
    }
    let disrupted = budget.at("status.disruptedPods").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    if disrupted > DISRUPTED_PODS_MAX {
        let message = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(Failure::forbidden("policy", "poddisruptionbudgets", name, message));
    }
    if allowed == 0 {
        return Err(too_many(&refusal(name, budget), None));
    }
    let mut spent = budget.clone();
    spent.set("status.disruptionsAllowed", allowed - 1);
    if allowed == 1 {
        set_insufficient(&mut spent, now);
    }
    spent.set_default("status.disruptedPods", json!({}));
    // A pod's name may hold dots, which a path would take apart.
    spent["status"]["disruptedPods"][pod.str_at("metadata.name")] = format(now.0, Precision::Seconds).into();
    Ok(spent)
}

fn refusal(name: &str, budget: &Value) -> String {
    let healthy = budget.i64_at("status.currentHealthy").unwrap_or(0);
    let desired = budget.i64_at("status.desiredHealthy").unwrap_or(0);
    if healthy <= desired {
        format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
    } else {
        format!("The disruption budget {name} does not allow evicting pods currently")
    }
}

fn set_insufficient(budget: &mut Value, now: Now) {
    let mut conditions = budget.list_at("status.conditions").to_vec();
    conditions.retain(|condition| condition.str_at("type") != "DisruptionAllowed");
    conditions.push(json!({
        "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
        "lastTransitionTime": format(now.0, Precision::Seconds),
        "observedGeneration": budget.i64_at("status.observedGeneration").unwrap_or(0),
    }));
    budget.set("status.conditions", conditions);
}

fn too_many(cause: &str, retry_seconds: Option<u32>) -> Failure {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": cause}]});
    if let Some(seconds) = retry_seconds {
        details["retryAfterSeconds"] = seconds.into();
    }
    let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).with_details(details);
    Failure { retry_after_seconds: retry_seconds, ..failure }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const NOW: Now = Now(time::OffsetDateTime::UNIX_EPOCH);

    fn pod(phase: &str) -> Value {
        json!({"metadata": {"name": "p", "labels": {"a": "b"}},
            "status": {"phase": phase, "conditions": [{"type": "Ready", "status": "True"}]}})
    }

    fn budget(allowed: i64) -> Value {
        json!({"metadata": {"name": "x", "generation": 1}, "spec": {"selector": {"matchLabels": {"a": "b"}}},
            "status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1}})
    }

    #[test]
    fn budgets_guard_running_pods_only() {
        assert_eq!(plan(&pod("Running"), &[], NOW).unwrap(), Verdict::Delete);
        assert_eq!(plan(&pod("Failed"), &[budget(0)], NOW).unwrap(), Verdict::Delete);
        let refused = plan(&pod("Running"), &[budget(0)], NOW).unwrap_err();
        assert_eq!(refused.code, StatusCode::TOO_MANY_REQUESTS);
        let several = plan(&pod("Running"), &[budget(1), budget(1)], NOW).unwrap_err();
        assert_eq!(several.code, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn an_eviction_uses_up_one_disruption_and_names_the_pod() {
        let Verdict::Spend(spent) = plan(&pod("Running"), &[budget(1)], NOW).unwrap() else { panic!("nothing spent") };
        assert_eq!(spent.i64_at("status.disruptionsAllowed"), Some(0));
        assert_eq!(spent["status"]["disruptedPods"]["p"], json!("1970-01-01T00:00:00Z"));
    }
}
