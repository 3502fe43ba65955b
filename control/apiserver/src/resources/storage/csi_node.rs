//! CSINodes: which drivers a node has. A kubelet makes its own before it says that it is ready, drivers or not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::validate_driver_name;
use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Gvk, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell, keep};
use crate::validation::{check, each, names};

/// The longest name that a driver may give a node.
const NODE_ID_BYTES_MAX: usize = 192;

/// The row.
pub(super) fn row() -> Resource {
    Resource {
        columns: const { &[Column::NAME, Column::integer("Drivers"), Column::AGE] },
        cells: |object, now| {
            vec![cell::name(object), object.list_at("spec.drivers").len().into(), age::of(object, now)]
        },
        strategy: &CsiNode,
        subresources: &[Subresource::STATUS],
        unconditional_update: false,
        delete_answer: DeleteAnswer::Object,
        ..Resource::new(Gvk::new("storage.k8s.io", "v1", "CSINode"), "csinodes", "storage/v1.CSINode", Scope::Cluster)
    }
}

struct CsiNode;

impl Strategy for CsiNode {
    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.remove("status");
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
        // All that a status has belongs to a feature that is off by default.
        keep(new, old, "status");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate(new);
        let path = Path::new("spec").child("drivers");
        for before in old.list_at("spec.drivers") {
            let same = |it: &&Value| it.str_at("name") == before.str_at("name");
            let changed = |it: &&Value| without_limits(it) != without_limits(before);
            let drivers = new.list_at("spec.drivers").iter().filter(same).filter(changed);
            errors.extend(drivers.map(|it| Error::invalid(&path, it.clone(), "field is immutable")));
        }
        errors
    }
}

/// How many volumes a driver can serve may change; who it is may not.
fn without_limits(driver: &Value) -> Value {
    let mut driver = driver.clone();
    driver.remove("allocatable");
    driver
}

fn validate(object: &Value) -> Errors {
    let mut errors = Errors::new();
    let mut seen = BTreeSet::new();
    let Some(spec) = object.get("spec") else { return errors };
    for (path, driver) in each(&Path::new("spec"), spec, "drivers") {
        errors.extend(validate_driver(&path, driver));
        if !seen.insert(driver.str_at("name")) {
            errors.push(Error::duplicate(&path.child("name"), driver.str_at("name")));
        }
        errors.extend(validate_keys(&path, driver.list_at("topologyKeys")));
    }
    errors
}

fn validate_driver(path: &Path, driver: &Value) -> Errors {
    let mut errors = validate_driver_name(&path.child("name"), driver.str_at("name"));
    let (id, id_path) = (driver.str_at("nodeID"), path.child("nodeID"));
    if id.is_empty() {
        errors.push(Error::required(&id_path, ""));
    }
    if id.len() > NODE_ID_BYTES_MAX {
        errors.push(Error::invalid(&id_path, id, &format!("must be {NODE_ID_BYTES_MAX} characters or less")));
    }
    if let Some(count) = driver.i64_at("allocatable.count").filter(|it| *it < 0) {
        let path = path.child("allocatable").child("count");
        errors.push(Error::invalid(&path, count, "must be greater than or equal to 0"));
    }
    errors
}

fn validate_keys(path: &Path, keys: &[Value]) -> Errors {
    let mut errors = Errors::new();
    let mut seen = BTreeSet::new();
    for key in keys.iter().filter_map(Value::as_str) {
        if key.is_empty() {
            errors.push(Error::required(path, ""));
        }
        if !seen.insert(key) {
            errors.push(Error::duplicate(path, key));
        }
        errors.extend(check(path, key, names::qualified_name));
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn drivers_are_named_once_and_know_the_node() {
        let check = |drivers: Value| {
            let errors = validate(&json!({"spec": {"drivers": drivers}}));
            errors.into_iter().map(|it| format!("{}: {}", it.path, it.message)).collect::<Vec<_>>()
        };
        // As a kubelet sends it that has none.
        assert_eq!(check(Value::Null), [""; 0]);
        let good = json!({"name": "csi.example.com", "nodeID": "n", "topologyKeys": ["example.com/zone"]});
        assert_eq!(check(json!([good])), [""; 0]);
        assert_eq!(check(json!([good, good])), [r#"spec.drivers[1].name: Duplicate value: "csi.example.com""#]);
        let bad = json!({"name": "", "nodeID": "", "allocatable": {"count": -1}, "topologyKeys": ["a", "a"]});
        assert_eq!(
            check(json!([bad])),
            [
                "spec.drivers[0].name: Required value",
                "spec.drivers[0].nodeID: Required value",
                "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
                r#"spec.drivers[0]: Duplicate value: "a""#,
            ]
        );
    }
}
