//! `default/kubernetes`: the service by which pods find the API server, and what stands behind it.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::field::Path;
use crate::registry::allocator::family_name;
use crate::resources::address;

/// The port of the service.
const PORT: u16 = 443;

/// The service at `cluster_ip`, and the endpoints that lead to the API server at `address` and `port`. An address that
/// endpoints may not have (loopback, link-local) gives the service alone.
pub fn kubernetes(cluster_ip: IpAddr, address: IpAddr, port: u16) -> Vec<Value> {
    let metadata = |labels: Value| json!({"name": "kubernetes", "namespace": "default", "labels": labels});
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": metadata(json!({"component": "apiserver", "provider": "kubernetes"})),
        "spec": {
            "clusterIP": cluster_ip.to_string(),
            "clusterIPs": [cluster_ip.to_string()],
            "ports": [{"name": "https", "port": PORT, "protocol": "TCP", "targetPort": port}],
        },
    });
    let address = address.to_string();
    if !address::validate_not_special(&Path::root(), &address).is_empty() {
        return vec![service];
    }
    let ports = json!([{"name": "https", "port": port, "protocol": "TCP"}]);
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        // The slice below is made by hand: nobody needs to mirror it.
        "metadata": metadata(json!({"endpointslice.kubernetes.io/skip-mirror": "true"})),
        "subsets": [{"addresses": [{"ip": address}], "ports": ports}],
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": metadata(json!({"kubernetes.io/service-name": "kubernetes"})),
        "addressType": family_name(!address.contains(':')),
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
        "ports": ports,
    });
    vec![service, endpoints, slice]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn only_addresses_that_others_can_reach_become_endpoints() {
        let cluster_ip = "10.96.0.1".parse().unwrap();
        assert_eq!(kubernetes(cluster_ip, "192.0.2.1".parse().unwrap(), 6443).len(), 3);
        assert_eq!(kubernetes(cluster_ip, "127.0.0.1".parse().unwrap(), 6443).len(), 1);
    }
}
