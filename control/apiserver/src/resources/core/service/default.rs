//! Defaults of a service that do not depend on the cluster (`SetDefaults_Service`).

use serde_json::{Value, json};

use crate::object::Fields;
use crate::resources::core::service::shape;

const AFFINITY_SECONDS: i64 = 3 * 60 * 60;

/// Fills in what a client may leave out.
pub(super) fn service(object: &mut Value) {
    object.set_default("spec", json!({}));
    for (path, text) in [("spec.sessionAffinity", "None"), ("spec.type", "ClusterIP")] {
        if object.str_at(path).is_empty() {
            object.set(path, text);
        }
    }
    match object.str_at("spec.sessionAffinity") {
        "None" => drop(object.remove("spec.sessionAffinityConfig")),
        "ClientIP" if object.i64_at("spec.sessionAffinityConfig.clientIP.timeoutSeconds").is_none() => {
            object.set("spec.sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}}));
        }
        _ => {}
    }
    object.at_mut("spec.ports").and_then(Value::as_array_mut).into_iter().flatten().for_each(port);
    if shape::is_external(object) && object.str_at("spec.externalTrafficPolicy").is_empty() {
        object.set("spec.externalTrafficPolicy", "Cluster");
    }
    if shape::needs_cluster_ip(object) {
        object.set_default("spec.internalTrafficPolicy", "Cluster");
    }
    if shape::kind(object) == "LoadBalancer" {
        object.set_default("spec.allocateLoadBalancerNodePorts", true);
        let points = object.at_mut("status.loadBalancer.ingress").and_then(Value::as_array_mut);
        for point in points.into_iter().flatten().filter(|point| !point.str_at("ip").is_empty()) {
            point.set_default("ipMode", "VIP");
        }
    }
}

fn port(port: &mut Value) {
    if port.str_at("protocol").is_empty() {
        port.set("protocol", "TCP");
    }
    let target = port.at("targetPort");
    if target.is_none_or(|target| target.is_null() || *target == json!(0) || *target == json!("")) {
        let number = port.i64_at("port").unwrap_or_default();
        port.set("targetPort", number);
    }
}
