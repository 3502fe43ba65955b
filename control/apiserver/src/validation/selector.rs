//! Label selectors (`metav1.LabelSelector`): their validation, and whether they match a set of labels.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{check, each, entries, labels, names};

/// `matchLabels` and `matchExpressions` of a selector (`unversioned.ValidateLabelSelector`).
pub fn validate(path: &Path, selector: Option<&Value>) -> Errors {
    let Some(selector) = selector.filter(|s| !s.is_null()) else { return Vec::new() };
    let mut errors = labels::validate(&path.child("matchLabels"), selector.at("matchLabels"));
    for (at, requirement) in each(path, selector, "matchExpressions") {
        errors.extend(validate_requirement(&at, requirement));
    }
    errors
}

/// Whether a selector has neither labels nor expressions; a selector that is not there counts too.
pub fn is_empty(selector: Option<&Value>) -> bool {
    let selector = selector.unwrap_or(&Value::Null);
    entries(selector.at("matchLabels")).next().is_none() && selector.list_at("matchExpressions").is_empty()
}

/// Whether a selector that passed validation selects these labels. One that is not there selects nothing,
/// an empty one everything.
pub fn matches(selector: Option<&Value>, labels: Option<&Value>) -> bool {
    let Some(selector) = selector.filter(|s| !s.is_null()) else { return false };
    let get = |key: &str| labels.and_then(|l| l.get(key)).and_then(Value::as_str);
    let by_labels = entries(selector.at("matchLabels")).all(|(key, value)| get(key) == value.as_str());
    by_labels && selector.list_at("matchExpressions").iter().all(|r| requirement_matches(r, get(r.str_at("key"))))
}

fn requirement_matches(requirement: &Value, value: Option<&str>) -> bool {
    let listed = value.is_some_and(|v| requirement.list_at("values").iter().any(|w| w.as_str() == Some(v)));
    match requirement.str_at("operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

fn validate_requirement(path: &Path, requirement: &Value) -> Errors {
    let mut errors = Vec::new();
    let list = requirement.list_at("values");
    match requirement.str_at("operator") {
        "In" | "NotIn" if list.is_empty() => {
            errors.push(Error::required(&path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
        }
        "Exists" | "DoesNotExist" if !list.is_empty() => errors.push(Error::forbidden(
            &path.child("values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(Error::invalid(&path.child("operator"), other, "not a valid selector operator")),
    }
    errors.extend(check(&path.child("key"), requirement.str_at("key"), names::qualified_name));
    for (at, value) in each(path, requirement, "values") {
        errors.extend(check(&at, value.as_str().unwrap_or_default(), names::label_value));
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_matches_as_its_operators_say() {
        let labels = json!({"a": "1", "b": "2"});
        let rows = [
            (json!({}), true),
            (json!(null), false),
            (json!({"matchLabels": {"a": "1"}}), true),
            (json!({"matchLabels": {"a": "2"}}), false),
            (json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "3"]}]}), true),
            (json!({"matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["1"]}]}), true),
            (json!({"matchExpressions": [{"key": "c", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "c", "operator": "DoesNotExist"}]}), true),
        ];
        for (selector, expected) in rows {
            assert_eq!(matches(Some(&selector), Some(&labels)), expected, "{selector}");
        }
    }
}
