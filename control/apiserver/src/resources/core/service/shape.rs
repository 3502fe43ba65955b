//! What the type of a service needs.

use serde_json::Value;

use crate::object::Fields;

/// `spec.type`.
pub(super) fn kind(object: &Value) -> &str {
    object.str_at("spec.type")
}

/// Its `clusterIP` is `None`: names resolve to the pods themselves.
pub(super) fn is_headless(object: &Value) -> bool {
    match object.list_at("spec.clusterIPs") {
        [only] => only == "None",
        _ => object.str_at("spec.clusterIP") == "None",
    }
}

/// It has an address, or says `None`.
pub(super) fn needs_cluster_ip(object: &Value) -> bool {
    matches!(kind(object), "ClusterIP" | "NodePort" | "LoadBalancer")
}

/// Its ports get a node port unless they have one.
pub(super) fn needs_node_port(object: &Value) -> bool {
    let wanted = object.at("spec.allocateLoadBalancerNodePorts").and_then(Value::as_bool).unwrap_or(true);
    kind(object) == "NodePort" || kind(object) == "LoadBalancer" && wanted
}

/// Its ports may have a node port.
pub(super) fn takes_node_port(object: &Value) -> bool {
    matches!(kind(object), "NodePort" | "LoadBalancer")
}

/// Load balancers ask its nodes whether they have pods of it.
pub(super) fn needs_health_check(object: &Value) -> bool {
    kind(object) == "LoadBalancer" && object.str_at("spec.externalTrafficPolicy") == "Local"
}

/// It can be reached from outside the cluster.
pub(super) fn is_external(object: &Value) -> bool {
    takes_node_port(object) || kind(object) == "ClusterIP" && !object.list_at("spec.externalIPs").is_empty()
}

/// The node ports of its ports, 0 where there is none.
pub(super) fn node_ports(object: &Value) -> Vec<i64> {
    object.list_at("spec.ports").iter().map(|port| port.i64_at("nodePort").unwrap_or_default()).collect()
}

/// Whether a field is the same in both; absent and null are alike.
pub(super) fn same(new: &Value, old: &Value, path: &str) -> bool {
    let value = |object: &Value| object.at(path).filter(|value| !value.is_null()).cloned();
    value(new) == value(old)
}
