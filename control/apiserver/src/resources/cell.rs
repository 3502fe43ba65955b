//! What table cells of many kinds have in common, worded as `kubectl get` expects.

use serde_json::Value;

use crate::object::Fields;
use crate::validation::entries;

/// How many of a list's elements a cell names.
const SHOWN_MAX: usize = 3;

/// The cell of an absent value.
pub const NONE: &str = "<none>";

/// `metadata.name`.
pub fn name(object: &Value) -> Value {
    object.str_at("metadata.name").into()
}

/// The text, or `instead` if it is empty.
pub fn text_or(text: &str, instead: &str) -> Value {
    if text.is_empty() { instead.into() } else { text.into() }
}

/// An integer; absent is 0.
pub fn integer(object: &Value, path: &str) -> Value {
    object.i64_at(path).unwrap_or_default().into()
}

/// `a,b,c + 2 more...`
pub fn first_few(list: &[String]) -> String {
    let shown = list.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join(",");
    match list.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

/// `a=b,c=d` of a map of labels.
pub fn labels(map: Option<&Value>) -> Value {
    let pairs: Vec<String> =
        entries(map).map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    text_or(&pairs.join(","), NONE)
}

/// A label selector as its requirements read, sorted by key. The selectors of the first kinds are plain maps of labels.
pub fn selector(selector: Option<&Value>) -> Value {
    let Some(selector) = selector else { return NONE.into() };
    if entries(Some(selector)).any(|(_, value)| value.is_string()) {
        return labels(Some(selector));
    }
    let equal = entries(selector.get("matchLabels"))
        .map(|(key, value)| (key.as_str(), format!("{key}={}", value.as_str().unwrap_or_default())));
    let matched = selector.list_at("matchExpressions").iter().map(|e| (e.str_at("key"), expression(e)));
    let mut requirements: Vec<(&str, String)> = equal.chain(matched).collect();
    requirements.sort_by_key(|(key, _)| *key);
    let texts: Vec<String> = requirements.into_iter().map(|(_, text)| text).collect();
    text_or(&texts.join(","), NONE)
}

fn expression(expression: &Value) -> String {
    let key = expression.str_at("key");
    let mut values: Vec<&str> = expression.list_at("values").iter().filter_map(Value::as_str).collect();
    values.sort_unstable();
    match expression.str_at("operator") {
        "In" => format!("{key} in ({})", values.join(",")),
        "NotIn" => format!("{key} notin ({})", values.join(",")),
        "DoesNotExist" => format!("!{key}"),
        _ => key.to_owned(),
    }
}

/// The names and the images of a pod template's containers, joined.
pub fn containers(object: &Value) -> [Value; 2] {
    let containers = object.list_at("spec.template.spec.containers");
    ["name", "image"].map(|field| containers.iter().map(|c| c.str_at(field)).collect::<Vec<_>>().join(",").into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_list_is_cut_after_three() {
        let list: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        assert_eq!(first_few(&list[..2]), "a,b");
        assert_eq!(first_few(&list), "a,b,c + 2 more...");
    }

    #[test]
    fn a_selector_reads_as_its_requirements() {
        let given = json!({
            "matchLabels": {"b": "c"},
            "matchExpressions": [
                {"key": "a", "operator": "In", "values": ["y", "x"]}, {"key": "d", "operator": "DoesNotExist"},
            ],
        });
        assert_eq!(selector(Some(&given)), "a in (x,y),b=c,!d");
        assert_eq!(selector(Some(&json!({}))), NONE);
        assert_eq!(selector(Some(&json!({"a": "b"}))), "a=b");
    }
}
