//! What `kubectl get services` shows.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::object::Fields;
use crate::registry::resource::Now;
use crate::resources::{age, cell};

/// The cells of one row.
pub(super) fn cells(object: &Value, now: Now) -> Vec<Value> {
    let ip = object.list_at("spec.clusterIPs").first().and_then(Value::as_str).unwrap_or_default();
    let ports: Vec<String> = object.list_at("spec.ports").iter().map(port).collect();
    vec![
        cell::name(object),
        object.str_at("spec.type").into(),
        cell::text_or(ip, cell::NONE),
        external(object).into(),
        cell::text_or(&ports.join(","), cell::NONE),
        age::of(object, now),
        cell::labels(object.at("spec.selector")),
    ]
}

fn port(port: &Value) -> String {
    let (number, protocol) = (port.i64_at("port").unwrap_or_default(), port.str_at("protocol"));
    match port.i64_at("nodePort").unwrap_or_default() {
        0 => format!("{number}/{protocol}"),
        node => format!("{number}:{node}/{protocol}"),
    }
}

fn external(object: &Value) -> String {
    let given: Vec<&str> = object.list_at("spec.externalIPs").iter().filter_map(Value::as_str).collect();
    let joined = |list: Vec<&str>, instead: &str| {
        if list.is_empty() { instead.to_owned() } else { list.join(",") }
    };
    match object.str_at("spec.type") {
        "ClusterIP" | "NodePort" => joined(given, cell::NONE),
        "LoadBalancer" => {
            let points: BTreeSet<&str> = object.list_at("status.loadBalancer.ingress").iter().map(point).collect();
            let points = points.into_iter().filter(|point| !point.is_empty());
            joined(points.chain(given).collect(), "<pending>")
        }
        "ExternalName" => object.str_at("spec.externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

fn point(ingress: &Value) -> &str {
    match ingress.str_at("ip") {
        "" => ingress.str_at("hostname"),
        ip => ip,
    }
}
