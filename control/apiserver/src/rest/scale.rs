//! `/scale`: the replicas of a workload as an `autoscaling/v1` Scale.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::content::Form;
use crate::error::Failure;
use crate::field;
use crate::object::Fields;
use crate::registry::resource::{Column, Gvk, Resource, Scope};
use crate::resources::{age, cell};
use crate::rest::{Call, answer};
use crate::table;

/// The Scale of a workload.
pub(super) fn of(parent: &Value) -> Value {
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = parent.at("metadata").and_then(|metadata| metadata.get(key)) {
            metadata[key] = value.clone();
        }
    }
    let mut status = json!({"replicas": parent.i64_at("status.replicas").unwrap_or(0)});
    let selector = cell::selector(parent.at("spec.selector"));
    if selector != cell::NONE {
        status["selector"] = selector;
    }
    let mut spec = json!({});
    if let Some(replicas) = parent.i64_at("spec.replicas").filter(|replicas| *replicas != 0) {
        spec["replicas"] = replicas.into();
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
}

/// The workload with a Scale's replicas.
///
/// # Errors
/// 422 about the Scale.
pub(super) fn apply(parent: &Value, scale: &Value) -> Result<Value, Failure> {
    let replicas = scale.i64_at("spec.replicas").unwrap_or(0);
    if replicas < 0 {
        let path = field::Path::new("spec.replicas");
        let error = field::Error::invalid(&path, replicas, "must be greater than or equal to 0");
        return Err(Failure::invalid("autoscaling", "Scale", scale.str_at("metadata.name"), &[error]));
    }
    let mut changed = parent.clone();
    changed.set("spec.replicas", replicas);
    match scale.str_at("metadata.resourceVersion") {
        "" => changed.remove("metadata.resourceVersion"),
        version => {
            changed.set("metadata.resourceVersion", version);
            None
        }
    };
    Ok(changed)
}

/// Answers with the Scale of a workload, in the form that the client asked for.
///
/// # Errors
/// 406 if the form is one of lists.
pub(super) fn answer(call: &Call, parent: &Value) -> Result<Response, Failure> {
    let scale = of(parent);
    let shown = match call.accept.form {
        Form::Plain | Form::Discovery => scale,
        Form::Metadata(version) => table::metadata_of(&scale, version),
        Form::Table(version, include) => {
            let metadata = json!({"resourceVersion": scale.str_at("metadata.resourceVersion")});
            table::table(&row(), version, include, metadata, &[scale], call.now)
        }
        Form::MetadataList(_) => {
            let what =
                "you requested PartialObjectMetadataList, but the requested object is not a list (*autoscaling.Scale)";
            return Err(Failure::not_acceptable(what.to_owned()));
        }
    };
    Ok(answer::tree(StatusCode::OK, call.accept, &shown))
}

/// What a table of a Scale shows; its first column is no name that could be asked for.
fn row() -> Resource {
    Resource {
        columns: const { &[Column::text("Name"), Column::integer("Desired"), Column::integer("Available"), Column::AGE] },
        cells: |scale, now| {
            let (desired, available) = (cell::integer(scale, "spec.replicas"), cell::integer(scale, "status.replicas"));
            vec![cell::name(scale), desired, available, age::of(scale, now)]
        },
        ..Resource::new(Gvk::new("autoscaling", "v1", "Scale"), "scales", "autoscaling/v1.Scale", Scope::Namespaced)
    }
}
