//! `discovery.k8s.io/v1`: EndpointSlice.

mod validate;

use serde_json::{Value, json};

use crate::field::Errors;
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Gvk, Now, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell};

const UNSET: &str = "<unset>";

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    let gvk = Gvk::new("discovery.k8s.io", "v1", "EndpointSlice");
    vec![Resource {
        columns: const {
            &[Column::NAME, Column::text("AddressType"), Column::text("Ports"), Column::text("Endpoints"), Column::AGE]
        },
        cells,
        strategy: &EndpointSlice,
        generation: Generation::Strategy,
        ..Resource::new(gvk, "endpointslices", "discovery/v1.EndpointSlice", Scope::Namespaced)
    }]
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let ports: Vec<String> = object.list_at("ports").iter().map(port_cell).collect();
    let addresses = object.list_at("endpoints").iter().flat_map(|e| e.list_at("addresses"));
    let addresses: Vec<String> = addresses.filter_map(Value::as_str).map(str::to_owned).collect();
    let few = |list: &[String]| if list.is_empty() { UNSET.to_owned() } else { cell::first_few(list) };
    vec![
        cell::name(object),
        object.str_at("addressType").into(),
        few(&ports).into(),
        few(&addresses).into(),
        age::of(object, now),
    ]
}

fn port_cell(port: &Value) -> String {
    match (port.i64_at("port"), port.at("name").and_then(Value::as_str)) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "*".to_owned(),
    }
}

struct EndpointSlice;

impl Strategy for EndpointSlice {
    fn default(&self, object: &mut Value) {
        for port in object.at_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.set_default("name", "");
            port.set_default("protocol", "TCP");
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("metadata.generation", 1);
        drop_topology(object);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        if new.get("endpoints") != old.get("endpoints") {
            drop_topology(new);
        }
        // Unlike every other kind, a change of labels counts too.
        let content = |object: &Value| {
            ["addressType", "endpoints", "ports"].map(|field| object.get(field).cloned().unwrap_or_default())
        };
        let same_labels = new.at("metadata.labels") == old.at("metadata.labels");
        let generation = old.i64_at("metadata.generation").unwrap_or_default();
        let next = if same_labels && content(new) == content(old) { generation } else { generation + 1 };
        new.set("metadata.generation", next);
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate::slice(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        validate::update(new, old)
    }

    fn warnings(&self, _: &Context<'_>, object: &Value, _: Option<&Value>) -> Vec<String> {
        validate::warnings(object)
    }
}

/// Topology was a field of v1beta1; in v1 it can be read, not written.
fn drop_topology(object: &mut Value) {
    for endpoint in object.at_mut("endpoints").and_then(Value::as_array_mut).into_iter().flatten() {
        endpoint.remove("deprecatedTopology");
    }
    if object.get("endpoints") == Some(&json!([])) {
        object.set("endpoints", Value::Null);
    }
}
