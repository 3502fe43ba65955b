//! Namespace: carries its own name as a label, and goes only when its content has gone.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::field::{Error, Errors, Path};
use crate::object::{Fields, as_map};
use crate::registry::resource::{Column, Now, Resource, Scope, Subresource, Verb};
use crate::registry::strategy::{Context, NameRule, Strategy};
use crate::resources::{age, keep};
use crate::validation::{check, names};

/// The label with the namespace's own name.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["ns"],
        // No deletecollection: upstream refuses to delete namespaces in bulk.
        verbs: &[Verb::Create, Verb::Delete, Verb::Get, Verb::List, Verb::Patch, Verb::Update, Verb::Watch],
        subresources: &[Subresource { name: "finalize", verbs: &[Verb::Update], body: None }, Subresource::STATUS],
        columns: const { &[Column::NAME, Column::text("Status"), Column::AGE] },
        cells: |object, now| {
            vec![object.str_at("metadata.name").into(), object.str_at("status.phase").into(), age::of(object, now)]
        },
        selectable_fields: &[("status.phase", |object| object.str_at("status.phase").to_owned())],
        strategy: &Namespace,
        is_namespace: true,
        status_takes_labels: true,
        ..super::new("Namespace", "namespaces", "core/v1.Namespace", Scope::Cluster)
    }
}

struct Namespace;

impl Strategy for Namespace {
    fn default(&self, object: &mut Value) {
        let name = object.str_at("metadata.name").to_owned();
        // A name that is generated is not there yet; prepare_for_create comes after it is.
        if !name.is_empty() {
            label(object, name);
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        let name = object.str_at("metadata.name").to_owned();
        label(object, name);
        object.set("status", json!({"phase": "Active"}));
        let finalizers = object.list_at("spec.finalizers");
        if !finalizers.iter().any(|finalizer| finalizer == "kubernetes") {
            let all: Vec<Value> = finalizers.iter().cloned().chain([json!("kubernetes")]).collect();
            object.set("spec.finalizers", all);
        }
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec.finalizers");
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, cx: &Context<'_>, new: &mut Value, old: &Value) {
        match cx.subresource {
            Some("finalize") => keep(new, old, "status"),
            _ => keep(new, old, "spec"),
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        // Upstream gives indexes only in /finalize.
        let path = Path::new("spec.finalizers");
        finalizers(object).flat_map(|finalizer| validate_finalizer(&path, finalizer)).collect()
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, _: &Value) -> Errors {
        match cx.subresource {
            Some("status") => validate_phase(new),
            Some("finalize") => {
                let path = Path::new("spec.finalizers");
                finalizers(new).enumerate().flat_map(|(i, name)| validate_finalizer(&path.index(i), name)).collect()
            }
            _ => Errors::new(),
        }
    }

    fn holds_deletion(&self, object: &mut Value, now: Now) -> bool {
        if is_deleting(object) {
            return !self.may_go(object);
        }
        // The first DELETE only marks, even when there is nothing to wait for.
        object.set("metadata.deletionTimestamp", timestamp(now));
        object.set("status.phase", "Terminating");
        true
    }

    fn may_go(&self, object: &Value) -> bool {
        object.list_at("spec.finalizers").is_empty()
    }

    fn name_rule(&self) -> NameRule {
        NameRule::DnsLabel
    }
}

fn is_deleting(object: &Value) -> bool {
    object.at("metadata.deletionTimestamp").is_some_and(|time| !time.is_null())
}

/// RFC 3339 in whole seconds, as all times of metadata are.
fn timestamp(now: Now) -> String {
    let seconds = now.0.replace_nanosecond(0).unwrap_or(now.0);
    seconds.format(&Rfc3339).expect("a time of this era can be written")
}

fn label(object: &mut Value, name: String) {
    if object.at("metadata.labels").is_none_or(Value::is_null) {
        object.set("metadata.labels", json!({}));
    }
    if let Some(labels) = object.at_mut("metadata.labels") {
        as_map(labels).insert(NAME_LABEL.to_owned(), name.into());
    }
}

fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    object.list_at("spec.finalizers").iter().filter_map(Value::as_str)
}

fn validate_finalizer(path: &Path, finalizer: &str) -> Errors {
    let faults = check(path, finalizer, names::qualified_name);
    if !faults.is_empty() || finalizer.contains('/') || finalizer == "kubernetes" {
        return faults;
    }
    vec![Error::invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified")]
}

fn validate_phase(object: &Value) -> Errors {
    let path = Path::new("status.Phase");
    let phase = object.str_at("status.phase");
    match (is_deleting(object), phase) {
        (true, "Terminating") | (false, "Active") => Vec::new(),
        (true, _) => {
            let fault = "may only be 'Terminating' if `deletionTimestamp` is not empty";
            vec![Error::invalid(&path, phase, fault)]
        }
        (false, _) => vec![Error::invalid(&path, phase, "may only be 'Active' if `deletionTimestamp` is empty")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_stays_until_its_finalizers_have_gone() {
        let mut object = json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}});
        let now = Now(time::OffsetDateTime::UNIX_EPOCH);
        assert!(Namespace.holds_deletion(&mut object, now));
        assert_eq!(object.str_at("metadata.deletionTimestamp"), "1970-01-01T00:00:00Z");
        assert_eq!(object.str_at("status.phase"), "Terminating");
        assert!(Namespace.holds_deletion(&mut object, now));
        object.set("spec.finalizers", json!([]));
        assert!(!Namespace.holds_deletion(&mut object, now));
    }
}
