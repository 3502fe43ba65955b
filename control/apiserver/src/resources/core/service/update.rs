//! What a change of a service may do: its type may change, its primary address may not.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::core::service::shape::{self, same};

/// Takes away what the old type needed, the new one does not, and the client did not touch (`dropTypeDependentFields`).
pub(super) fn drop_what_the_type_had(new: &mut Value, old: &Value) {
    let lost = |needs: fn(&Value) -> bool, new: &Value| needs(old) && !needs(new);
    if lost(shape::needs_cluster_ip, new) {
        let had_addresses = same(new, old, "spec.clusterIPs");
        drop_same(new, old, &["spec.ipFamilies", "spec.ipFamilyPolicy", "spec.internalTrafficPolicy"]);
        if had_addresses {
            new.remove("spec.clusterIP");
            new.remove("spec.clusterIPs");
        }
    }
    if lost(shape::needs_node_port, new) && shape::node_ports(new) == shape::node_ports(old) {
        for port in new.at_mut("spec.ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.remove("nodePort");
        }
    }
    if lost(shape::needs_health_check, new) {
        drop_same(new, old, &["spec.healthCheckNodePort"]);
    }
    if lost(|object| shape::kind(object) == "LoadBalancer", new) {
        drop_same(new, old, &["spec.allocateLoadBalancerNodePorts", "spec.loadBalancerClass"]);
        new.set("status.loadBalancer", serde_json::json!({}));
    }
    if lost(shape::is_external, new) {
        drop_same(new, old, &["spec.externalTrafficPolicy"]);
    }
}

fn drop_same(new: &mut Value, old: &Value, paths: &[&str]) {
    for path in paths.iter().filter(|path| old.at(path).is_some()) {
        if same(new, old, path) {
            new.remove(path);
        }
    }
}

/// What is wrong with the change itself.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    if shape::kind(new) != "ExternalName" && shape::kind(old) != "ExternalName" {
        errors.extend(validate_list(new, old, "clusterIPs", "primary clusterIP can not be unset"));
        errors.extend(validate_list(new, old, "ipFamilies", "primary ipFamily can not be unset"));
    }
    let both_balanced = shape::kind(new) == "LoadBalancer" && shape::kind(old) == "LoadBalancer";
    if both_balanced && !same(new, old, "spec.loadBalancerClass") {
        let class = new.at("spec.loadBalancerClass").cloned().unwrap_or_default();
        errors.push(Error::invalid(&Path::new("spec.loadBalancerClass"), class, "may not change once set"));
    }
    errors
}

/// The first element of a list may not change, the second may come and go.
fn validate_list(new: &Value, old: &Value, field: &str, unset: &str) -> Errors {
    let path = Path::new("spec").child(field);
    let [after, before] = [new, old].map(|object| object.list_at(&format!("spec.{field}")));
    let wrong = |index: usize, fault: &str| Error::invalid(&path.index(index), after.to_vec(), fault);
    if before.is_empty() {
        return Errors::new();
    }
    if after.is_empty() {
        return vec![wrong(0, unset)];
    }
    let changed = before.iter().zip(after).enumerate().filter(|(_, (before, after))| before != after);
    changed.map(|(i, _)| wrong(i, "may not change once set")).collect()
}
