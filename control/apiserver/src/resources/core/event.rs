//! Event in the core group: the row that owns the objects. Its other face is `events.k8s.io`.

use serde_json::{Value, json};
use storage::Durability;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Now, Resource, Scope, SelectableField};
use crate::registry::strategy::{Context, NameRule, Strategy};
use crate::resources::{age, cell};
use crate::validation::{check, names};

const TEXT_BYTES_MAX: usize = 128;
const MESSAGE_BYTES_MAX: usize = 1024;

/// What `kubectl get events` shows; here the name comes last.
pub(crate) const COLUMNS: &[Column] = &[
    Column::text("Last Seen"),
    Column::text("Type"),
    Column::text("Reason"),
    Column::text("Object"),
    Column::wide("Subobject"),
    Column::wide("Source"),
    Column::text("Message"),
    Column::wide("First Seen"),
    Column::wide("Count"),
    Column { priority: 1, ..Column::NAME },
];

const SELECTABLE: &[SelectableField] = &[
    ("involvedObject.kind", |o| o.str_at("involvedObject.kind").to_owned()),
    ("involvedObject.namespace", |o| o.str_at("involvedObject.namespace").to_owned()),
    ("involvedObject.name", |o| o.str_at("involvedObject.name").to_owned()),
    ("involvedObject.uid", |o| o.str_at("involvedObject.uid").to_owned()),
    ("involvedObject.apiVersion", |o| o.str_at("involvedObject.apiVersion").to_owned()),
    ("involvedObject.resourceVersion", |o| o.str_at("involvedObject.resourceVersion").to_owned()),
    ("involvedObject.fieldPath", |o| o.str_at("involvedObject.fieldPath").to_owned()),
    ("reason", |o| o.str_at("reason").to_owned()),
    ("reportingComponent", |o| o.str_at("reportingComponent").to_owned()),
    ("source", |o| first_given(o.str_at("source.component"), o.str_at("reportingComponent")).to_owned()),
    ("type", |o| o.str_at("type").to_owned()),
];

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["ev"],
        columns: COLUMNS,
        cells,
        selectable_fields: SELECTABLE,
        strategy: &Event,
        create_on_update: true,
        // Events pass: an idle cluster writes nothing to flash.
        durability: Durability::Memory,
        ..super::new("Event", "events", "core/v1.Event", Scope::Namespaced)
    }
}

fn first_given<'a>(text: &'a str, instead: &'a str) -> &'a str {
    if text.is_empty() { instead } else { text }
}

/// The cells of an event in its core form.
pub(crate) fn cells(object: &Value, now: Now) -> Vec<Value> {
    let since = |path: &str| Some(object.str_at(path)).filter(|time| !time.is_empty()).map(|t| age::since(t, now));
    let unknown = || "<unknown>".to_owned();
    let first = since("firstTimestamp").or_else(|| since("eventTime")).unwrap_or_else(unknown);
    let in_series = object.get("series").is_some_and(Value::is_object);
    let last = match in_series {
        true => since("series.lastObservedTime").unwrap_or_else(unknown),
        false => since("lastTimestamp").unwrap_or_else(|| first.clone()),
    };
    let count = match in_series {
        true => object.i64_at("series.count").unwrap_or_default(),
        // An event that happened once has no count in the new form.
        false => object.i64_at("count").filter(|count| *count != 0).unwrap_or(1),
    };
    let kind = object.str_at("involvedObject.kind").to_lowercase();
    let target = match object.str_at("involvedObject.name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    vec![
        last.into(),
        object.str_at("type").into(),
        object.str_at("reason").into(),
        target.into(),
        object.str_at("involvedObject.fieldPath").into(),
        source(object).into(),
        object.str_at("message").trim().into(),
        first.into(),
        json!(count),
        cell::name(object),
    ]
}

fn source(object: &Value) -> String {
    let component = first_given(object.str_at("source.component"), object.str_at("reportingComponent"));
    match first_given(object.str_at("source.host"), object.str_at("reportingInstance")) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    }
}

/// Behavior of events through both faces: through the new one more is asked (`cx.resource` tells which it is).
pub(crate) struct Event;

impl Strategy for Event {
    fn validate(&self, cx: &Context<'_>, object: &Value) -> Errors {
        let mut errors = validate(object, is_new_face(cx));
        if is_new_face(cx) {
            errors.extend(validate_strictly(object));
        }
        errors
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate(new, is_new_face(cx));
        if is_new_face(cx) {
            errors.extend(validate_series_only(new, old));
        }
        errors
    }

    fn name_rule(&self) -> NameRule {
        NameRule::PathSegment
    }
}

fn is_new_face(cx: &Context<'_>) -> bool {
    !cx.resource.gvk.group.is_empty()
}

/// What both faces ask; objects with `eventTime` are of the new kind (`legacyValidateEvent`).
fn validate(object: &Value, new_face: bool) -> Errors {
    let namespace = object.str_at("metadata.namespace");
    let about = object.str_at("involvedObject.namespace");
    let astray = || {
        let path = Path::new("involvedObject.namespace");
        vec![Error::invalid(&path, about, "does not match event.namespace")]
    };
    if object.str_at("eventTime").is_empty() {
        let fits = about == namespace || about.is_empty() && matches!(namespace, "" | "default");
        return if fits { Errors::new() } else { astray() };
    }
    let fits = !about.is_empty() || matches!(namespace, "default" | "kube-system");
    let mut errors = if fits { Errors::new() } else { astray() };
    let controller = Path::new(if new_face { "reportingController" } else { "reportingComponent" });
    let reporter = object.str_at("reportingComponent");
    if reporter.is_empty() {
        errors.push(Error::required(&controller, ""));
    }
    errors.extend(check(&controller, reporter, names::qualified_name));
    for field in ["reportingInstance", "action", "reason"] {
        let text = object.str_at(field);
        if text.is_empty() {
            errors.push(Error::required(&Path::new(field), ""));
        }
        errors.extend(too_long(field, text, TEXT_BYTES_MAX));
    }
    errors.extend(too_long("message", object.str_at("message"), MESSAGE_BYTES_MAX));
    errors
}

fn too_long(field: &str, text: &str, bytes_max: usize) -> Option<Error> {
    let fault = format!("can have at most {bytes_max} characters");
    (text.len() > bytes_max).then(|| Error::invalid(&Path::new(field), "", &fault))
}

fn validate_strictly(object: &Value) -> Errors {
    let mut errors = validate_series(object);
    if object.str_at("eventTime").is_empty() {
        errors.push(Error::required(&Path::new("eventTime"), ""));
    }
    let kind = object.str_at("type");
    if !matches!(kind, "Normal" | "Warning") {
        errors.push(Error::invalid(&Path::new("type"), "", &format!("has invalid value: {kind}")));
    }
    let given = |path: &str| !object.str_at(path).is_empty();
    let old_fields = [
        ("firstTimestamp", given("firstTimestamp")),
        ("lastTimestamp", given("lastTimestamp")),
        ("count", object.i64_at("count").unwrap_or_default() != 0),
        ("source", given("source.component") || given("source.host")),
    ];
    let set = old_fields.into_iter().filter(|(_, is_set)| *is_set);
    errors.extend(set.map(|(field, _)| Error::invalid(&Path::new(field), "", "needs to be unset")));
    errors
}

fn validate_series(object: &Value) -> Errors {
    let Some(series) = object.get("series").filter(|series| series.is_object()) else { return Errors::new() };
    let mut errors = Errors::new();
    if series.i64_at("count").unwrap_or_default() < 2 {
        errors.push(Error::invalid(&Path::new("series.count"), "", "should be at least 2"));
    }
    if series.str_at("lastObservedTime").is_empty() {
        errors.push(Error::required(&Path::new("series.lastObservedTime"), ""));
    }
    errors
}

/// Through the new face only the series of an event changes.
fn validate_series_only(new: &Value, old: &Value) -> Errors {
    const FIXED: [&str; 12] = [
        "involvedObject",
        "reason",
        "message",
        "source",
        "firstTimestamp",
        "lastTimestamp",
        "count",
        "type",
        "eventTime",
        "action",
        "related",
        "reportingInstance",
    ];
    let mut errors = if new.get("series") == old.get("series") { Errors::new() } else { validate_series(new) };
    let changed = FIXED.into_iter().map(|field| (field, field)).chain([("reportingComponent", "reportingController")]);
    for (field, name) in changed.filter(|(field, _)| new.get(field) != old.get(field)) {
        let value = new.get(field).cloned().unwrap_or_default();
        errors.push(Error::invalid(&Path::new(name), value, "field is immutable"));
    }
    errors
}
