//! PersistentVolume: a piece of storage of the cluster, whoever uses it.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Now, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::changes::changes;
use crate::resources::core::volume::{self, STORAGE, source};
use crate::resources::pod_template::{affinity, default, warning};
use crate::resources::{age, cell, keep};
use crate::schema::time::{Precision, format};
use crate::validation::{check, each, entries, is_given, member, names, one_of, quantity};

const POLICIES: [&str; 3] = ["Delete", "Recycle", "Retain"];

/// Labels of nodes that a stored affinity may be moved to.
const RENAMED_LABELS: [(&str, &str); 5] = [
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
];

/// The row.
pub(in crate::resources::core) fn row() -> Resource {
    Resource {
        short_names: &["pv"],
        subresources: &[Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Capacity"),
                Column::text("Access Modes"),
                Column::text("Reclaim Policy"),
                Column::text("Status"),
                Column::text("Claim"),
                Column::text("StorageClass"),
                Column::text("VolumeAttributesClass"),
                Column::text("Reason"),
                Column::AGE,
                Column::wide("VolumeMode"),
            ]
        },
        cells,
        strategy: &PersistentVolume,
        delete_answer: DeleteAnswer::Object,
        status_takes_labels: true,
        ..super::super::new("PersistentVolume", "persistentvolumes", "core/v1.PersistentVolume", Scope::Cluster)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let claim = member(object.at("spec").unwrap_or(&Value::Null), "claimRef");
    let claim = claim.map(|claim| format!("{}/{}", claim.str_at("namespace"), claim.str_at("name")));
    vec![
        cell::name(object),
        cell::text_or(object.str_at("spec.capacity.storage"), "0"),
        volume::modes_cell(object.list_at("spec.accessModes")),
        object.str_at("spec.persistentVolumeReclaimPolicy").into(),
        volume::phase_cell(object),
        claim.unwrap_or_default().into(),
        volume::class_of(object).into(),
        volume::or_unset(object, "spec.volumeAttributesClassName"),
        object.str_at("status.reason").into(),
        age::of(object, now),
        volume::or_unset(object, "spec.volumeMode"),
    ]
}

struct PersistentVolume;

impl Strategy for PersistentVolume {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        object.set_default("status", json!({}));
        for (path, text) in [
            ("status.phase", "Pending"),
            ("spec.persistentVolumeReclaimPolicy", "Retain"),
            ("spec.volumeMode", "Filesystem"),
        ] {
            if object.str_at(path).is_empty() {
                object.set(path, text);
            }
        }
        if let Some(spec) = object.at_mut("spec") {
            default::places(spec);
        }
    }

    fn prepare_for_create(&self, cx: &Context<'_>, object: &mut Value) {
        object.set("status", json!({"phase": "Pending", "lastPhaseTransitionTime": time(cx)}));
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, cx: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
        let said = member(new.at("status").unwrap_or(&Value::Null), "lastPhaseTransitionTime").cloned();
        let is_said = said.is_some() && said.as_ref() != old.at("status.lastPhaseTransitionTime");
        if new.str_at("status.phase") != old.str_at("status.phase") && !is_said {
            new.set("status.lastPhaseTransitionTime", time(cx));
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        match cx.subresource {
            Some(_) => Errors::new(),
            None => validate(new).into_iter().chain(validate_change(new, old)).collect(),
        }
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, _: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() { Vec::new() } else { warnings(object) }
    }
}

fn time(cx: &Context<'_>) -> String {
    format(cx.now.0, Precision::Seconds)
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let spec = object.at("spec").unwrap_or(&Value::Null);
    let policy = spec.str_at("persistentVolumeReclaimPolicy");
    let policy_path = path.child("persistentVolumeReclaimPolicy");
    let affinity_path = path.child("nodeAffinity");
    let affinity = member(spec, "nodeAffinity");
    let mut errors = volume::validate_modes(&path.child("accessModes"), spec.list_at("accessModes"), "");
    errors.extend(validate_capacity(&path.child("capacity"), spec));
    errors.extend(one_of(&policy_path, policy, &POLICIES));
    errors.extend(affinity.into_iter().flat_map(|affinity| validate_affinity(&affinity_path, affinity)));
    errors.extend(source::validate(&path, spec));
    if member(spec, "local").is_some() && affinity.is_none_or(|affinity| member(affinity, "required").is_none()) {
        errors.push(Error::required(&affinity_path, "Local volume requires node affinity"));
    }
    if policy == "Recycle" && is_root(spec) {
        errors.push(Error::forbidden(&policy_path, "may not be 'recycle' for a hostPath mount of '/'"));
    }
    errors.extend(volume::validate_class(&path, spec));
    errors.extend(volume::validate_mode(&path, spec));
    errors.extend(validate_attributes_class(&path, spec));
    errors
}

/// Storage, more than none of it, and nothing else.
fn validate_capacity(path: &Path, spec: &Value) -> Errors {
    let capacity = spec.at("capacity").filter(|capacity| is_given(Some(capacity)));
    let mut errors = Errors::new();
    if capacity.is_none() {
        errors.push(Error::required(path, ""));
    }
    let is_alone = entries(capacity).count() == 1 && capacity.is_some_and(|capacity| capacity.get(STORAGE).is_some());
    if !is_alone {
        errors.push(Error::not_supported(path, capacity.cloned().unwrap_or_default(), &[STORAGE]));
    }
    for (name, amount) in entries(capacity) {
        let (path, quantity) = (path.key(name), quantity::of(amount));
        if quantity.is_negative() {
            errors.push(Error::invalid(&path, quantity.as_units(), "must be a valid resource quantity"));
        }
        if quantity.is_negative() || quantity.is_zero() {
            errors.push(Error::invalid(&path, amount.clone(), "must be greater than zero"));
        }
    }
    errors
}

fn validate_affinity(path: &Path, affinity: &Value) -> Errors {
    let path = path.child("required");
    match member(affinity, "required") {
        None => vec![Error::required(&path, "must specify required node constraints")],
        Some(required) => affinity::validate_node_selector(&path, required),
    }
}

/// Whether the volume is the whole host.
fn is_root(spec: &Value) -> bool {
    let path = spec.str_at("hostPath.path");
    path.starts_with('/') && path.split('/').all(|element| matches!(element, "" | "."))
}

fn validate_attributes_class(path: &Path, spec: &Value) -> Errors {
    let Some(name) = member(spec, "volumeAttributesClassName").and_then(Value::as_str) else { return Errors::new() };
    let at = path.child("volumeAttributesClassName");
    let mut errors = match name {
        "" => vec![Error::required(&at, "an empty string is disallowed")],
        name => check(&at, name, names::dns_subdomain),
    };
    if member(spec, "csi").is_none() {
        errors.push(Error::required(&path.child("csi"), "has to be specified when using volumeAttributesClassName"));
    }
    errors
}

fn validate_change(new: &Value, old: &Value) -> Errors {
    let null = Value::Null;
    let (new_spec, old_spec) = (new.at("spec").unwrap_or(&null), old.at("spec").unwrap_or(&null));
    let mut errors = Errors::new();
    let (mut is, was) = (source::of(new_spec), source::of(old_spec));
    // A driver that needs a secret to grow the volume may be given one later.
    if was.at("csi.controllerExpandSecretRef").is_none() {
        is.remove("csi.controllerExpandSecretRef");
    }
    if is != was {
        let what = "spec.persistentvolumesource";
        let fault = format!("{what} is immutable after creation\n{}", changes(&was, &is));
        errors.push(Error::forbidden(&Path::new(what), &fault));
    }
    errors.extend(volume::validate_same_mode(new, old));
    if let Some(old) = member(old_spec, "nodeAffinity") {
        let new = member(new_spec, "nodeAffinity").unwrap_or(&null);
        if renamed(new) != renamed(old) {
            let fault = "field is immutable, except for updating from beta label to GA";
            errors.push(Error::invalid(&Path::new("nodeAffinity"), new.clone(), fault));
        }
    }
    errors.extend(volume::validate_kept_attributes(new, old));
    errors
}

/// An affinity with the names that labels of nodes have today.
fn renamed(affinity: &Value) -> Value {
    let mut affinity = affinity.clone();
    let terms = affinity.at_mut("required.nodeSelectorTerms").and_then(Value::as_array_mut);
    for term in terms.into_iter().flatten() {
        let expressions = term.at_mut("matchExpressions").and_then(Value::as_array_mut);
        for expression in expressions.into_iter().flatten() {
            let today = RENAMED_LABELS.iter().find(|(old, _)| *old == expression.str_at("key"));
            if let Some((_, today)) = today {
                expression.set("key", *today);
            }
        }
    }
    affinity
}

fn warnings(object: &Value) -> Vec<String> {
    let path = Path::new("spec");
    let spec = object.at("spec").unwrap_or(&Value::Null);
    let mut warnings: Vec<String> = volume::warn_class_annotation(object).into_iter().collect();
    if spec.str_at("persistentVolumeReclaimPolicy") == "Recycle" {
        warnings.push(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended \
             approach is to use dynamic provisioning."
                .to_owned(),
        );
    }
    let required = spec.at("nodeAffinity.required").unwrap_or(&Value::Null);
    let terms = each(&path.child("nodeAffinity.required"), required, "nodeSelectorTerms");
    warnings.extend(terms.flat_map(|(at, term)| warning::node_term(&at, term)));
    warnings.extend(warning::old_volume(&path, spec));
    warnings
}
