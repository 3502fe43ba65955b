//! The selector and labels that a job gets from its own uid, so that jobs never fight over pods.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::{Fields, as_map};
use crate::validation::{entries, is_given, selector};

const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";

/// The labels of every pod of a job: today's names and those from before they had a domain.
fn expected(object: &Value) -> [(&'static str, &str); 4] {
    let (uid, name) = (object.str_at("metadata.uid"), object.str_at("metadata.name"));
    [(CONTROLLER_UID, uid), ("batch.kubernetes.io/job-name", name), ("controller-uid", uid), ("job-name", name)]
}

/// Adds the labels to the template and the uid to the selector, unless the selector is made by hand.
pub(super) fn generate(object: &mut Value) {
    if object.bool_at("spec.manualSelector") {
        return;
    }
    // Labels that a job has from its template are one map with the template's upstream, and grow with it. A job that
    // has none gets them when it is stored, after it was validated.
    let is_shared = is_given(object.at("metadata.labels"))
        && object.at("metadata.labels") == object.at("spec.template.metadata.labels");
    let labels = expected(object).map(|(key, value)| (key, value.to_owned()));
    let uid = object.str_at("metadata.uid").to_owned();
    object.set_default("spec.template.metadata.labels", json!({}));
    if let Some(map) = object.at_mut("spec.template.metadata.labels").map(as_map) {
        for (key, value) in labels {
            map.entry(key).or_insert(value.into());
        }
    }
    object.set_default("spec.selector", json!({}));
    object.set_default("spec.selector.matchLabels", json!({}));
    if let Some(map) = object.at_mut("spec.selector.matchLabels").map(as_map) {
        map.entry(CONTROLLER_UID).or_insert(uid.into());
    }
    if is_shared {
        object.remove("metadata.labels");
        share_labels(object);
    }
}

/// Whether the labels are those that [`generate`] makes, and no others.
pub(super) fn has_generated_labels_only(object: &Value) -> bool {
    let expected = expected(object);
    let labels = object.at("metadata.labels");
    let is_there = |(key, value): &(&str, &str)| labels.and_then(|labels| labels.get(key)).is_some_and(|v| v == value);
    entries(labels).count() == expected.len() && expected.iter().all(is_there)
}

/// A job without labels of its own gets those of its pods.
pub(super) fn share_labels(object: &mut Value) {
    if entries(object.at("metadata.labels")).next().is_some() {
        return;
    }
    let labels = object.at("spec.template.metadata.labels").filter(|labels| entries(Some(labels)).next().is_some());
    if let Some(labels) = labels.cloned() {
        object.set("metadata.labels", labels);
    }
}

/// A selector that is not made by hand must be the one that the server makes.
pub(super) fn validate_generated(object: &Value) -> Errors {
    let Some(given) = object.at("spec.selector").filter(|selector| !selector.is_null()) else {
        return Errors::new();
    };
    if object.bool_at("spec.manualSelector") {
        return Errors::new();
    }
    let expected: Value = expected(object).into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    if selector::matches(Some(given), Some(&expected)) {
        return Errors::new();
    }
    vec![Error::invalid(&Path::new("spec.selector"), given.clone(), "`selector` not auto-generated")]
}
