//! What of a stored role counts for decisions, and which roles it aggregates.

use serde::Deserialize;
use serde_json::Value;

use crate::authz::rule::Rule;
use crate::object::Fields;

/// What counts of a role.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Role {
    /// What it grants itself.
    #[serde(default)]
    pub rules: Option<Vec<Rule>>,
    /// Whose rules it has beside its own.
    #[serde(default)]
    pub aggregation_rule: Option<Aggregation>,
}

/// Which roles are aggregated: those that any of the selectors selects.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Aggregation {
    #[serde(default)]
    cluster_role_selectors: Vec<Value>,
}

// === impl Aggregation ===

impl Aggregation {
    /// Whether a role with these labels is aggregated.
    pub(super) fn selects(&self, labels: &[(Box<str>, Box<str>)]) -> bool {
        self.cluster_role_selectors.iter().any(|selector| selects(selector, labels))
    }
}

/// Whether a `LabelSelector` selects an object with these labels.
fn selects(selector: &Value, labels: &[(Box<str>, Box<str>)]) -> bool {
    let value_of = |key: &str| labels.iter().find(|(k, _)| **k == *key).map(|(_, value)| &**value);
    let equal = selector.at("matchLabels").and_then(Value::as_object);
    let equal = equal.into_iter().flatten().all(|(key, value)| value_of(key) == value.as_str());
    equal
        && selector.list_at("matchExpressions").iter().all(|expression| {
            let value = value_of(expression.str_at("key"));
            let listed = || expression.list_at("values").iter().any(|v| v.as_str() == value);
            match expression.str_at("operator") {
                "In" => value.is_some() && listed(),
                "NotIn" => value.is_none() || !listed(),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}
