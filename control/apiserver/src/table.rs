//! Tables (`kubectl get`) and metadata-only forms of objects.

use serde_json::{Value, json};

use crate::content::{Include, MetaVersion};
use crate::object::Fields;
use crate::registry::resource::{Column, Now, Resource};

/// The columns of kinds that name none.
const DEFAULT_COLUMNS: &[Column] =
    &[Column::NAME, Column { name: "Created At", kind: "date", format: "", priority: 0 }];

/// A table of objects; `metadata` is the list's.
pub fn table(
    resource: &Resource,
    version: MetaVersion,
    include: Include,
    metadata: Value,
    objects: &[Value],
    now: Now,
) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": version.api_version(),
        "metadata": metadata,
        "columnDefinitions": columns(resource),
        // Upstream's default table forgets to make an empty list.
        "rows": match (resource.columns, objects) {
            ([], []) => Value::Null,
            _ => rows(resource, version, include, objects, now).into(),
        },
    })
}

/// The rows of a table.
pub fn rows(resource: &Resource, version: MetaVersion, include: Include, objects: &[Value], now: Now) -> Vec<Value> {
    objects.iter().map(|object| row(resource, version, include, object, now)).collect()
}

/// The headings of a table.
pub fn columns(resource: &Resource) -> Vec<Value> {
    let columns = if resource.columns.is_empty() { DEFAULT_COLUMNS } else { resource.columns };
    let one = |column: &Column| {
        json!({
            "name": column.name, "type": column.kind, "format": column.format, "priority": column.priority,
            "description": "",
        })
    };
    columns.iter().map(one).collect()
}

/// Only the type and the metadata of an object.
pub fn metadata_of(object: &Value, version: MetaVersion) -> Value {
    let metadata = object.at("metadata").cloned().unwrap_or_else(|| json!({}));
    json!({"kind": "PartialObjectMetadata", "apiVersion": version.api_version(), "metadata": metadata})
}

fn row(resource: &Resource, version: MetaVersion, include: Include, object: &Value, now: Now) -> Value {
    let shown = match include {
        Include::None => Value::Null,
        Include::Metadata => metadata_of(object, version),
        Include::Object => object.clone(),
    };
    let mut row = json!({"cells": (resource.cells)(object, now), "object": shown});
    let conditions = (resource.row_conditions)(object);
    if !conditions.is_empty() {
        row["conditions"] = Value::Array(conditions);
    }
    row
}
