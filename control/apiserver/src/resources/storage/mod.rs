//! `storage.k8s.io/v1`: StorageClass, and what kubelets keep or read: CSINode and CSIDriver.

mod csi_driver;
mod csi_node;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Gvk, Now, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::age;
use crate::validation::{check, entries, names, one_of};

const DEFAULT_CLASS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// The longest name of a CSI driver.
const DRIVER_NAME_BYTES_MAX: usize = 63;

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![storage_class(), csi_driver::row(), csi_node::row()]
}

fn storage_class() -> Resource {
    Resource {
        short_names: &["sc"],
        columns: const {
            &[
                Column::NAME,
                Column::text("Provisioner"),
                Column::text("ReclaimPolicy"),
                Column::text("VolumeBindingMode"),
                Column::text("AllowVolumeExpansion"),
                Column::AGE,
            ]
        },
        cells,
        strategy: &StorageClass,
        delete_answer: DeleteAnswer::Object,
        ..Resource::new(
            Gvk::new("storage.k8s.io", "v1", "StorageClass"),
            "storageclasses",
            "storage/v1.StorageClass",
            Scope::Cluster,
        )
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let name = object.str_at("metadata.name");
    let name = if is_default(object) { format!("{name} (default)") } else { name.to_owned() };
    vec![
        name.into(),
        object.str_at("provisioner").into(),
        object.str_at("reclaimPolicy").into(),
        object.str_at("volumeBindingMode").into(),
        json!(object.bool_at("allowVolumeExpansion")),
        age::of(object, now),
    ]
}

/// Whether claims that name no class get this one.
pub(crate) fn is_default(class: &Value) -> bool {
    let annotations = class.at("metadata.annotations");
    DEFAULT_CLASS.into_iter().any(|key| annotations.and_then(|map| map.get(key)).is_some_and(|value| value == "true"))
}

struct StorageClass;

impl Strategy for StorageClass {
    fn default(&self, object: &mut Value) {
        object.set_default("reclaimPolicy", "Delete");
        object.set_default("volumeBindingMode", "Immediate");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate(new);
        let fixed = ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"];
        let changed = fixed.into_iter().filter(|field| new.get(field) != old.get(field));
        errors.extend(changed.map(|field| Error::invalid(&Path::new(field), Value::Null, "field is immutable")));
        errors
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("provisioner");
    let mut errors = match object.str_at("provisioner") {
        "" => vec![Error::required(&path, "")],
        text => check(&path, &text.to_lowercase(), names::qualified_name),
    };
    let path = Path::new("parameters");
    let unnamed = entries(object.get("parameters")).filter(|(key, _)| key.is_empty());
    errors.extend(unnamed.map(|_| Error::invalid(&path, "", "field can not be empty.")));
    errors.extend(one_of(&Path::new("reclaimPolicy"), object.str_at("reclaimPolicy"), &["Delete", "Retain"]));
    let path = Path::new("volumeBindingMode");
    errors.extend(one_of(&path, object.str_at("volumeBindingMode"), &["Immediate", "WaitForFirstConsumer"]));
    errors.extend(validate_topologies(object.list_at("allowedTopologies")));
    errors
}

fn validate_topologies(terms: &[Value]) -> Errors {
    let path = Path::new("allowedTopologies");
    let mut errors = Errors::new();
    for (i, term) in terms.iter().enumerate() {
        let path = path.index(i).child("matchLabelExpressions");
        let mut keys = BTreeSet::new();
        for (j, expression) in term.list_at("matchLabelExpressions").iter().enumerate() {
            let (path, key) = (path.index(j), expression.str_at("key"));
            let values = expression.list_at("values");
            if values.is_empty() {
                errors.push(Error::required(&path.child("values"), ""));
            }
            let mut seen = BTreeSet::new();
            for (k, value) in values.iter().filter_map(Value::as_str).enumerate() {
                if !seen.insert(value) {
                    errors.push(Error::duplicate(&path.child("values").index(k), value));
                }
            }
            errors.extend(check(&path.child("key"), key, names::qualified_name));
            if !keys.insert(key) {
                errors.push(Error::duplicate(&path.child("key"), key));
            }
        }
        if terms[..i].contains(term) {
            errors.push(Error::duplicate(&path, ""));
        }
    }
    errors
}

/// As `ValidateCSIDriverName`: a subdomain in any case, and short enough for a label.
fn validate_driver_name(path: &Path, name: &str) -> Errors {
    if name.is_empty() {
        return vec![Error::required(path, "")];
    }
    let mut errors = Errors::new();
    if name.len() > DRIVER_NAME_BYTES_MAX {
        errors.push(Error::too_long(path, DRIVER_NAME_BYTES_MAX));
    }
    let faults = names::dns_subdomain(&name.to_lowercase());
    errors.extend(faults.into_iter().map(|fault| Error::invalid(path, name, &fault)));
    errors
}
