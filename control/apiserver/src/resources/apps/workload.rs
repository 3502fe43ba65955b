//! What all kinds that make pods from a template share: one behavior with a row for what differs, and the rules that the
//! selector must fit the template and counts must fit each other.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Now};
use crate::registry::strategy::{Context, NameRule, Strategy};
use crate::resources::{age, cell, keep, pod_template};
use crate::validation::{names, number, selector};

/// The text for a selector that does not select the template's pods.
pub const NO_MATCH: &str = "`selector` does not match template `labels`";

/// What differs between the kinds that keep pods of a template running; the rest is its [`Strategy`].
pub struct Workload {
    /// Fills in what a client may leave out; what is then at `spec.template` gets its own defaults.
    pub default: fn(&mut Value),
    /// The status of a new object.
    pub first_status: fn() -> Value,
    /// What the server notes in the metadata of a new object, or of a changed one whose old form is given.
    pub mark: fn(&mut Value, Option<&Value>),
    /// What is wrong with the object, new or not.
    pub validate: fn(&Value) -> Errors,
    /// What of the change from the second to the first is not allowed.
    pub validate_change: fn(&Value, &Value) -> Errors,
    /// What is wrong with a changed status.
    pub validate_status: fn(&Value) -> Errors,
    /// What the client is told beside what [`warnings`] tells for every kind.
    pub advice: fn(&Value) -> Vec<String>,
    /// Which names are valid.
    pub name_rule: NameRule,
}

// === impl Workload ===

impl Workload {
    /// Nothing special: rows change what differs.
    pub const ORDINARY: Workload = Workload {
        default: |_| {},
        first_status: || json!({"replicas": 0}),
        mark: |_, _| {},
        validate: |_| Errors::new(),
        validate_change: |_, _| Errors::new(),
        validate_status: |_| Errors::new(),
        advice: |_| Vec::new(),
        name_rule: NameRule::DnsSubdomain,
    };
}

impl Strategy for Workload {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        (self.default)(object);
        if let Some(template) = object.at_mut("spec.template").filter(|template| !template.is_null()) {
            pod_template::default::template(template);
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", (self.first_status)());
        (self.mark)(object, None);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
        (self.mark)(new, Some(old));
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
        (self.mark)(new, Some(old));
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        (self.validate)(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        match cx.subresource {
            Some("status") => (self.validate_status)(new),
            _ => (self.validate)(new).into_iter().chain((self.validate_change)(new, old)).collect(),
        }
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() {
            return Vec::new();
        }
        warnings(object, old).into_iter().chain((self.advice)(object)).collect()
    }

    fn name_rule(&self) -> NameRule {
        self.name_rule
    }
}

/// The columns of the kinds that keep so many pods of one template: ReplicaSet and its elder, ReplicationController.
pub const REPLICAS_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Desired"),
    Column::text("Current"),
    Column::text("Ready"),
    Column::AGE,
    Column::wide("Containers"),
    Column::wide("Images"),
    Column::wide("Selector"),
];

/// The cells of [`REPLICAS_COLUMNS`].
pub fn replicas_cells(object: &Value, now: Now) -> Vec<Value> {
    let [containers, images] = cell::containers(object);
    vec![
        cell::name(object),
        cell::integer(object, "spec.replicas"),
        cell::integer(object, "status.replicas"),
        cell::integer(object, "status.readyReplicas"),
        age::of(object, now),
        containers,
        images,
        cell::selector(object.at("spec.selector")),
    ]
}

/// What is wrong with the status of a ReplicaSet or ReplicationController.
pub fn validate_replicas_status(object: &Value) -> Errors {
    let counts = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    ];
    let mut errors = validate_counts(object, &counts);
    let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    errors.extend(validate_parts(object, &parts, "readyReplicas"));
    errors
}

/// What upstream's messages about a selector and its template call the kind, and what they say.
pub struct Words {
    /// `deployment`, in the refusal of an empty selector.
    pub kind: &'static str,
    /// `ReplicaSet`, in the refusal of a deadline.
    pub template_of: &'static str,
    /// What is said of a selector that is wrong; may be empty.
    pub bad_selector: &'static str,
}

/// The words for Deployments and ReplicaSets.
pub const REPLICAS: Words =
    Words { kind: "deployment", template_of: "ReplicaSet", bad_selector: "invalid label selector" };

/// A selector that must be there and not be empty, and the template it must select.
pub fn validate_selector_and_template(object: &Value, words: &Words) -> Errors {
    let path = Path::new("spec.selector");
    let given = object.at("spec.selector").filter(|selector| !selector.is_null());
    let mut errors = match given {
        None => vec![Error::required(&path, "")],
        Some(_) => selector::validate(&path, given),
    };
    let is_valid = given.is_none() || errors.is_empty();
    if let Some(value) = given.filter(|_| selector::is_empty(given)) {
        let fault = format!("empty selector is invalid for {}", words.kind);
        errors.push(Error::invalid(&path, value.clone(), &fault));
    }
    match given {
        Some(value) if !is_valid => errors.push(Error::invalid(&path, value.clone(), words.bad_selector)),
        _ => errors.extend(validate_template(object, words)),
    }
    errors
}

/// The template of pods that always run again, and that the selector selects.
fn validate_template(object: &Value, words: &Words) -> Errors {
    let template = object.at("spec.template").unwrap_or(&Value::Null);
    let mut errors: Errors = validate_match(object).into_iter().collect();
    errors.extend(pod_template::validate(&Path::new("spec.template"), template));
    errors.extend(validate_runs_always(template, words.template_of));
    errors
}

/// Errors unless the pods of a template run again whenever they end.
pub fn validate_runs_always(template: &Value, template_of: &str) -> Errors {
    let path = Path::new("spec.template.spec");
    let mut errors = Errors::new();
    let policy = template.str_at("spec.restartPolicy");
    if policy != "Always" {
        errors.push(Error::not_supported(&path.child("restartPolicy"), policy, &["Always"]));
    }
    if template.at("spec.activeDeadlineSeconds").is_some_and(|seconds| !seconds.is_null()) {
        let fault = format!("activeDeadlineSeconds in {template_of} is not Supported");
        errors.push(Error::forbidden(&path.child("activeDeadlineSeconds"), &fault));
    }
    errors
}

/// An error unless the selector selects the template's labels.
pub fn validate_match(object: &Value) -> Option<Error> {
    let labels = object.at("spec.template.metadata.labels").filter(|labels| !labels.is_null());
    let matches = selector::matches(object.at("spec.selector"), labels.or(Some(&Value::Null)));
    (!matches).then(|| {
        let value = labels.cloned().unwrap_or_default();
        Error::invalid(&Path::new("spec.template.metadata.labels"), value, NO_MATCH)
    })
}

/// An error if the selector changed.
pub fn validate_same_selector(new: &Value, old: &Value) -> Errors {
    validate_immutable(new, old, "selector").into_iter().collect()
}

/// An error if a field of the spec changed.
pub fn validate_immutable(new: &Value, old: &Value, field: &str) -> Option<Error> {
    let path = format!("spec.{field}");
    (new.at(&path) != old.at(&path)).then(|| {
        let value = new.at(&path).cloned().unwrap_or_default();
        Error::invalid(&Path::new(&path), value, "field is immutable")
    })
}

/// Errors for each of `fields` of the status that is below zero.
pub fn validate_counts(object: &Value, fields: &[&str]) -> Errors {
    let path = Path::new("status");
    let count = |field: &str| object.i64_at(&format!("status.{field}"));
    fields.iter().flat_map(|field| number::non_negative(&path.child(field), count(field))).collect()
}

/// Errors for each of `fields` of the status that counts more pods than there are, or than are ready; `ready` is what
/// the message calls those.
pub fn validate_parts(object: &Value, fields: &[&str], ready: &str) -> Errors {
    let path = Path::new("status");
    let count = |field: &str| object.i64_at(&format!("status.{field}")).unwrap_or_default();
    let too_many = |field: &str, fault: &str| Error::invalid(&path.child(field), count(field), fault);
    let mut errors: Errors = fields
        .iter()
        .filter(|field| count(field) > count("replicas"))
        .map(|field| too_many(field, "cannot be greater than status.replicas"))
        .collect();
    if count("availableReplicas") > count("readyReplicas") {
        errors.push(too_many("availableReplicas", &format!("cannot be greater than {ready}")));
    }
    errors
}

/// Warnings about a workload: its name goes into host names, its template into pods.
pub fn warnings(object: &Value, old: Option<&Value>) -> Vec<String> {
    let name = object.str_at("metadata.name");
    let faults = if old.is_none() { names::dns_label(name) } else { Vec::new() };
    let advice = (!faults.is_empty()).then(|| {
        let what = "this is used in Pod names and hostnames, which can result in surprising behavior; \
                    a DNS label is recommended";
        format!("metadata.name: {what}: [{}]", faults.join(" "))
    });
    let unchanged = old.is_some_and(|old| old.at("spec.template") == object.at("spec.template"));
    let template = object.at("spec.template").filter(|_| !unchanged);
    let path = Path::new("spec.template");
    let of_template = template.map(|template| pod_template::warning::warnings(&path, template)).unwrap_or_default();
    advice.into_iter().chain(of_template).collect()
}
