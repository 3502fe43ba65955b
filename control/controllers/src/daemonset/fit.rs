//! Which nodes a DaemonSet's pods belong on, and what pods are given so that the scheduler puts them there.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::view::node::{Node, Taint};

/// Whether a node gets a pod of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Runs,
    /// It gets none, but keeps the one that it has.
    Keeps,
    None,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Term {
    #[serde(rename = "matchExpressions")]
    expressions: Vec<Requirement>,
    #[serde(rename = "matchFields")]
    fields: Vec<Requirement>,
}

#[derive(Deserialize)]
struct Requirement {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Toleration {
    key: String,
    operator: String,
    value: String,
    effect: String,
}

/// What each pod of a DaemonSet tolerates: it stays on a node in trouble.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// One that has the network of its node does not need the cluster's.
const TOLERATED_ON_HOST: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// Whether `node` gets a pod with the spec `pod`, which has its tolerations already.
pub(super) fn fit(pod: &Value, node: &Node) -> Fit {
    let named = pod["nodeName"].as_str().is_none_or(|name| *name == *node.metadata.name);
    if !named || !selects(pod, node) {
        return Fit::None;
    }
    let tolerations: Vec<Toleration> = serde_json::from_value(pod["tolerations"].clone()).unwrap_or_default();
    let bad = |effect: &str| {
        let mut taints = node.spec.taints.iter().filter(|taint| taint.effect == effect);
        taints.any(|taint| !tolerations.iter().any(|toleration| toleration.covers(taint)))
    };
    match (bad("NoExecute"), bad("NoSchedule")) {
        (true, _) => Fit::None,
        (false, true) => Fit::Keeps,
        (false, false) => Fit::Runs,
    }
}

fn selects(pod: &Value, node: &Node) -> bool {
    let labels = &node.metadata.labels;
    let wanted = pod["nodeSelector"].as_object();
    if wanted.is_some_and(|wanted| wanted.iter().any(|(key, value)| labels.get(key) != value.as_str())) {
        return false;
    }
    let terms = &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    let Some(terms) = terms.as_array() else { return true };
    // Any term will do; one that cannot be read or asks for nothing matches nothing.
    terms.iter().any(|term| {
        let Ok(term) = serde_json::from_value::<Term>(term.clone()) else { return false };
        let asks = !term.expressions.is_empty() || !term.fields.is_empty();
        let name = |key: &str| (key == "metadata.name").then_some(&*node.metadata.name);
        asks && term.expressions.iter().all(|asked| asked.holds(labels.get(&asked.key)))
            && term.fields.iter().all(|asked| asked.holds(name(&asked.key)))
    })
}

/// The spec of the set's pods: its template's with what every pod of a DaemonSet tolerates.
pub(super) fn pod_spec(template: &Value) -> Value {
    let mut spec = template["spec"].clone();
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    let on_host = (spec["hostNetwork"] == true).then_some(TOLERATED_ON_HOST);
    for (key, effect) in TOLERATED.into_iter().chain(on_host) {
        let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
    spec["tolerations"] = tolerations.into();
    spec
}

/// Binds a pod's spec to a node, in place of what it asks of nodes: the controller has looked at that already.
pub(super) fn pin(spec: &mut Value, node: &str) {
    let term = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
    spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
        json!({"nodeSelectorTerms": [term]});
}

// === impl Requirement ===

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let listed = value.is_some_and(|value| self.values.iter().any(|wanted| wanted == value));
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        let numbers = number(value).zip(number(self.values.first().map(String::as_str)));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => numbers.is_some_and(|(value, bound)| value > bound),
            Operator::Lt => numbers.is_some_and(|(value, bound)| value < bound),
        }
    }
}

// === impl Toleration ===

impl Toleration {
    fn covers(&self, taint: &Taint) -> bool {
        let by_key = self.key.is_empty() || self.key == taint.key;
        let by_effect = self.effect.is_empty() || self.effect == taint.effect;
        by_key && by_effect && (self.operator == "Exists" || self.value == taint.value)
    }
}
