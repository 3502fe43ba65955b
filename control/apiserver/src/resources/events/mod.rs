//! `events.k8s.io/v1`: core events under other field names.

use serde_json::{Map, Value, json};
use storage::Durability;

use crate::object::{Fields, as_map};
use crate::registry::resource::{Gvk, Resource, Scope};
use crate::registry::view::View;
use crate::resources::core::event;

/// What this group calls a field, and what the core group does.
const RENAMED: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// Fields that the core form always shows, and that this one leaves out when they are empty.
const SHOWN_EMPTY_BY_CORE: [&str; 3] = ["reportingController", "reportingInstance", "regarding"];

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![Resource {
        short_names: &["ev"],
        columns: event::COLUMNS,
        cells: |object, now| event::cells(&to_stored(object.clone()), now),
        strategy: &event::Event,
        create_on_update: true,
        durability: Durability::Memory,
        view: Some(View {
            of: ("", "v1", "events"),
            to_stored,
            from_stored,
            field_names: &[
                ("regarding.kind", "involvedObject.kind"),
                ("regarding.namespace", "involvedObject.namespace"),
                ("regarding.name", "involvedObject.name"),
                ("regarding.uid", "involvedObject.uid"),
                ("regarding.apiVersion", "involvedObject.apiVersion"),
                ("regarding.resourceVersion", "involvedObject.resourceVersion"),
                ("regarding.fieldPath", "involvedObject.fieldPath"),
                ("reportingController", "reportingComponent"),
                ("reason", "reason"),
                ("type", "type"),
            ],
        }),
        ..Resource::new(Gvk::new("events.k8s.io", "v1", "Event"), "events", "events/v1.Event", Scope::Namespaced)
    }]
}

fn to_stored(mut object: Value) -> Value {
    if object.str_at("apiVersion") == "v1" {
        return object;
    }
    rename(as_map(&mut object), RENAMED.iter().map(|(here, core)| (*here, *core)));
    object.set("apiVersion", "v1");
    for (field, empty) in [
        ("involvedObject", json!({})),
        ("source", json!({})),
        ("reportingComponent", json!("")),
        ("reportingInstance", json!("")),
        ("firstTimestamp", Value::Null),
        ("lastTimestamp", Value::Null),
        ("eventTime", Value::Null),
    ] {
        as_map(&mut object).entry(field).or_insert(empty);
    }
    object
}

fn from_stored(mut object: Value) -> Value {
    if object.str_at("apiVersion") != "v1" {
        return object;
    }
    rename(as_map(&mut object), RENAMED.iter().map(|(here, core)| (*core, *here)));
    object.set("apiVersion", "events.k8s.io/v1");
    for field in SHOWN_EMPTY_BY_CORE {
        if object.get(field).is_some_and(|value| *value == json!("") || *value == json!({})) {
            object.remove(field);
        }
    }
    object
}

fn rename(fields: &mut Map<String, Value>, names: impl Iterator<Item = (&'static str, &'static str)>) {
    for (from, to) in names {
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_both_conversions() {
        let new = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "eventTime": "2020-01-01T00:00:00.000000Z",
            "regarding": {"kind": "Pod"}, "note": "N", "reportingController": "c",
            "deprecatedSource": {}, "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": null,
        });
        let core = to_stored(new.clone());
        assert_eq!(core.str_at("involvedObject.kind"), "Pod");
        assert_eq!(core.str_at("message"), "N");
        assert_eq!(from_stored(core), new);
    }
}
