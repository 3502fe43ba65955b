//! Endpoints: addresses behind a Service, in the old form.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Now, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{address, age, cell};
use crate::validation::{check, ip, names, one_of, port};

/// The protocols that a port can have, as upstream's messages list them.
pub(crate) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["ep"],
        columns: const { &[Column::NAME, Column::text("Endpoints"), Column::AGE] },
        cells,
        strategy: &Endpoints,
        etcd_folder: Some("services/endpoints"),
        create_on_update: true,
        warning: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        ..super::new("Endpoints", "endpoints", "core/v1.Endpoints", Scope::Namespaced)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let subsets = object.list_at("subsets");
    let text = if subsets.is_empty() {
        cell::NONE.to_owned()
    } else {
        cell::first_few(&subsets.iter().flat_map(subset_cells).collect::<Vec<_>>())
    };
    vec![cell::name(object), text.into(), age::of(object, now)]
}

fn subset_cells(subset: &Value) -> Vec<String> {
    let addresses = subset.list_at("addresses");
    let host = |address: &Value| match address.str_at("ip") {
        v6 if v6.contains(':') => format!("[{v6}]"),
        v4 => v4.to_owned(),
    };
    match subset.list_at("ports") {
        [] => addresses.iter().map(|address| address.str_at("ip").to_owned()).collect(),
        ports => ports
            .iter()
            .filter_map(|port| port.i64_at("port"))
            .flat_map(|port| addresses.iter().map(move |address| format!("{}:{port}", host(address))))
            .collect(),
    }
}

struct Endpoints;

impl Strategy for Endpoints {
    fn default(&self, object: &mut Value) {
        let subsets = object.at_mut("subsets").and_then(Value::as_array_mut);
        for subset in subsets.into_iter().flatten() {
            for port in subset.at_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                port.set_default("protocol", "TCP");
            }
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, _: &Value) -> Errors {
        validate(new)
    }

    fn warnings(&self, _: &Context<'_>, object: &Value, _: Option<&Value>) -> Vec<String> {
        let subsets = object.list_at("subsets").iter().enumerate();
        subsets
            .flat_map(|(i, subset)| {
                let path = Path::new("subsets").index(i);
                ["addresses", "notReadyAddresses"].into_iter().flat_map(move |field| {
                    let path = path.child(field);
                    let addresses = subset.list_at(field).iter().enumerate();
                    addresses.filter_map(move |(j, a)| address::warnings(&path.index(j).child("ip"), a.str_at("ip")))
                })
            })
            .collect()
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("subsets");
    object.list_at("subsets").iter().enumerate().flat_map(|(i, s)| validate_subset(&path.index(i), s)).collect()
}

fn validate_subset(path: &Path, subset: &Value) -> Errors {
    let mut errors = Errors::new();
    let (ready, unready) = (subset.list_at("addresses"), subset.list_at("notReadyAddresses"));
    if ready.is_empty() && unready.is_empty() {
        errors.push(Error::required(path, "must specify `addresses` or `notReadyAddresses`"));
    }
    for (field, addresses) in [("addresses", ready), ("notReadyAddresses", unready)] {
        let path = path.child(field);
        errors.extend(addresses.iter().enumerate().flat_map(|(i, a)| validate_address(&path.index(i), a)));
    }
    let ports = subset.list_at("ports");
    let path = path.child("ports");
    errors.extend(ports.iter().enumerate().flat_map(|(i, p)| validate_port(&path.index(i), p, ports.len() > 1)));
    errors
}

fn validate_address(path: &Path, address: &Value) -> Errors {
    let text = address.str_at("ip");
    let mut errors = ip::validate(&path.child("ip"), text);
    let hostname = address.str_at("hostname");
    if !hostname.is_empty() {
        errors.extend(check(&path.child("hostname"), hostname, names::dns_label));
    }
    if let Some(node) = address.at("nodeName").and_then(Value::as_str) {
        errors.extend(check(&path.child("nodeName"), node, names::dns_subdomain));
    }
    errors.extend(address::validate_not_special(&path.child("ip"), text));
    errors
}

fn validate_port(path: &Path, port: &Value, must_be_named: bool) -> Errors {
    let name = port.str_at("name");
    let mut errors = match (name.is_empty(), must_be_named) {
        (true, true) => vec![Error::required(&path.child("name"), "")],
        (true, false) => Errors::new(),
        (false, _) => check(&path.child("name"), name, names::dns_label),
    };
    errors.extend(port::validate_number(&path.child("port"), port.i64_at("port")));
    errors.extend(match port.str_at("protocol") {
        "" => vec![Error::required(&path.child("protocol"), "")],
        protocol => one_of(&path.child("protocol"), protocol, PROTOCOLS),
    });
    if let Some(protocol) = port.at("appProtocol").and_then(Value::as_str) {
        errors.extend(check(&path.child("appProtocol"), protocol, names::qualified_name));
    }
    errors
}
