//! PersistentVolumeClaim: what a pod asks of storage, whichever volume gives it.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Now, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::core::volume::{self, STORAGE, claim_update};
use crate::resources::pod_template::warning;
use crate::resources::{age, cell, keep};
use crate::validation::{check, member, names, quantity, selector};

const CLAIM: &str = "PersistentVolumeClaim";

/// The row.
pub(in crate::resources::core) fn row() -> Resource {
    Resource {
        short_names: &["pvc"],
        subresources: &[Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Status"),
                Column::text("Volume"),
                Column::text("Capacity"),
                Column::text("Access Modes"),
                Column::text("StorageClass"),
                Column::text("VolumeAttributesClass"),
                Column::AGE,
                Column::wide("VolumeMode"),
            ]
        },
        cells,
        strategy: &PersistentVolumeClaim,
        delete_answer: DeleteAnswer::Object,
        status_takes_labels: true,
        ..super::super::new(CLAIM, "persistentvolumeclaims", "core/v1.PersistentVolumeClaim", Scope::Namespaced)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let name = object.str_at("spec.volumeName");
    let (capacity, modes) = match name {
        "" => ("".into(), "".into()),
        _ => (
            cell::text_or(object.str_at("status.capacity.storage"), "0"),
            volume::modes_cell(object.list_at("status.accessModes")),
        ),
    };
    vec![
        cell::name(object),
        volume::phase_cell(object),
        name.into(),
        capacity,
        modes,
        volume::class_of(object).into(),
        volume::or_unset(object, "spec.volumeAttributesClassName"),
        age::of(object, now),
        volume::or_unset(object, "spec.volumeMode"),
    ]
}

struct PersistentVolumeClaim;

impl Strategy for PersistentVolumeClaim {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        object.set_default("status", json!({}));
        for (path, text) in [("status.phase", "Pending"), ("spec.volumeMode", "Filesystem")] {
            if object.str_at(path).is_empty() {
                object.set(path, text);
            }
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", json!({"phase": "Pending"}));
        prepare_sources(object, None);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
        prepare_sources(new, Some(old));
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        match cx.subresource {
            Some(_) => claim_update::validate_status(new),
            None => validate(new).into_iter().chain(claim_update::validate(new, old)).collect(),
        }
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, _: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() { Vec::new() } else { warnings(object) }
    }
}

/// A claim may be filled from a source, which has two fields: the old one knows claims and snapshots and drops the
/// rest, and what one of them says holds for both.
fn prepare_sources(object: &mut Value, old: Option<&Value>) {
    let given = |object: &Value, field: &str| object.at("spec").and_then(|spec| member(spec, field)).cloned();
    let had = old.is_some_and(|old| given(old, "dataSource").is_some());
    if given(object, "dataSource").is_some_and(|source| !is_claim_or_snapshot(&source)) && !had {
        object.remove("spec.dataSource");
    }
    match (given(object, "dataSource"), given(object, "dataSourceRef")) {
        (Some(source), None) => object.set("spec.dataSourceRef", source),
        (None, Some(reference)) if reference.str_at("namespace").is_empty() => {
            object.set("spec.dataSource", reference);
        }
        _ => {}
    }
}

fn is_claim_or_snapshot(source: &Value) -> bool {
    matches!(
        (source.str_at("apiGroup"), source.str_at("kind")),
        ("", CLAIM) | ("snapshot.storage.k8s.io", "VolumeSnapshot")
    )
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let spec = object.at("spec").unwrap_or(&Value::Null);
    let required = "at least 1 access mode is required";
    let mut errors = Errors::new();
    let modes = volume::validate_modes(&path.child("accessModes"), spec.list_at("accessModes"), required);
    let (missing, wrong): (Errors, Errors) = modes.into_iter().partition(|_| spec.list_at("accessModes").is_empty());
    errors.extend(missing);
    errors.extend(selector::validate(&path.child("selector"), member(spec, "selector")));
    errors.extend(wrong);
    errors.extend(validate_size(&path.child("resources").key(STORAGE), spec));
    errors.extend(volume::validate_class(&path, spec));
    errors.extend(volume::validate_mode(&path, spec));
    errors.extend(validate_sources(&path, spec));
    let class = spec.str_at("volumeAttributesClassName");
    if !class.is_empty() {
        errors.extend(check(&path.child("volumeAttributesClassName"), class, names::dns_subdomain));
    }
    errors
}

/// Some storage, and more than none.
fn validate_size(path: &Path, spec: &Value) -> Errors {
    let Some(size) = spec.at("resources.requests").and_then(|requests| requests.get(STORAGE)) else {
        return vec![Error::required(path, "")];
    };
    let amount = quantity::of(size);
    if amount.is_negative() || amount.is_zero() {
        return vec![Error::invalid(path, size.clone(), "must be greater than zero")];
    }
    quantity::validate_value(path, STORAGE, size)
}

fn validate_sources(path: &Path, spec: &Value) -> Errors {
    let (source, reference) = (member(spec, "dataSource"), member(spec, "dataSourceRef"));
    let mut errors = Errors::new();
    for (name, source) in [("dataSource", source), ("dataSourceRef", reference)] {
        errors.extend(source.into_iter().flat_map(|source| validate_source(&path.child(name), source)));
    }
    let (Some(source), Some(reference)) = (source, reference) else { return errors };
    let same = ["apiGroup", "kind", "name"].iter().all(|field| source.get(field) == reference.get(field));
    if !reference.str_at("namespace").is_empty() {
        let fault = "may not be specified when dataSourceRef.namespace is specified";
        errors.push(Error::invalid(path, json!({}), fault));
    } else if !same {
        errors.push(Error::invalid(path, json!({}), "must match dataSourceRef"));
    }
    errors
}

fn validate_source(path: &Path, source: &Value) -> Errors {
    let (group, kind) = (source.str_at("apiGroup"), source.str_at("kind"));
    let missing = ["name", "kind"].into_iter().filter(|field| source.str_at(field).is_empty());
    let mut errors: Errors = missing.map(|field| Error::required(&path.child(field), "")).collect();
    if group.is_empty() && kind != CLAIM {
        let fault = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.push(Error::invalid(path, kind, fault));
    }
    if !group.is_empty() {
        errors.extend(check(&path.child("apiGroup"), group, names::dns_subdomain));
    }
    let namespace = source.str_at("namespace");
    if !namespace.is_empty() {
        errors.extend(check(&path.child("namespace"), namespace, names::dns_label));
    }
    errors
}

fn warnings(object: &Value) -> Vec<String> {
    let mut warnings: Vec<String> = volume::warn_class_annotation(object).into_iter().collect();
    for of in ["requests", "limits"] {
        let path = Path::new("spec.resources").child(of).key(STORAGE);
        let amount = object.at(&format!("spec.resources.{of}.{STORAGE}"));
        warnings.extend(amount.and_then(|amount| warning::fraction(&path, amount)));
    }
    warnings
}
