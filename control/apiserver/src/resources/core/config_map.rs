//! ConfigMap: keys that can be file names, a size, and the promise not to change.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Now, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::age;
use crate::resources::core::data;
use crate::validation::entries;

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["cm"],
        columns: const { &[Column::NAME, Column::text("Data"), Column::AGE] },
        cells,
        strategy: &ConfigMap,
        ..super::new("ConfigMap", "configmaps", "core/v1.ConfigMap", Scope::Namespaced)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let count = entries(object.get("data")).count() + entries(object.get("binaryData")).count();
    vec![object.str_at("metadata.name").into(), json!(count), age::of(object, now)]
}

struct ConfigMap;

impl Strategy for ConfigMap {
    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        [data::validate_immutable(new, old, &["data", "binaryData"]), validate(new)].concat()
    }
}

fn validate(object: &Value) -> Errors {
    let mut errors = Errors::new();
    let (texts, binaries) = (object.get("data"), object.get("binaryData"));
    let path = Path::new("data");
    for (key, _) in entries(texts) {
        errors.extend(data::validate_key(&path, key));
        if binaries.is_some_and(|map| map.get(key).is_some()) {
            errors.push(Error::invalid(&path.key(key), key.as_str(), "duplicate of key present in binaryData"));
        }
    }
    for (key, _) in entries(binaries) {
        errors.extend(data::validate_key(&Path::new("binaryData"), key));
    }
    if data::text_bytes(texts) + data::binary_bytes(binaries) > data::BYTES_MAX {
        // Upstream names the field with an empty name, which prints as `[]`.
        errors.push(Error::too_long(&Path::root().key(""), data::BYTES_MAX));
    }
    errors
}
