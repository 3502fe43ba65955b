//! `/status`, which the kubelet writes: what it cannot touch, and the little that is checked (`ValidatePodStatusUpdate`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::core::pod::prepare::keep;
use crate::resources::pod_template::annotation;
use crate::resources::pod_template::container::is_sidecar;
use crate::validation::{check, each, ip, names};

/// Keeps everything but the status.
pub(super) fn prepare(new: &mut Value, old: &Value) {
    for path in ["spec", "metadata.ownerReferences", "metadata.generation"] {
        keep(new, old, path);
    }
    if new.str_at("status.qosClass").is_empty() {
        keep(new, old, "status.qosClass");
    }
    keep_observed(new, old);
}

/// What is wrong with a new status.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let null = Value::Null;
    let path = Path::new("status");
    let (now, before) = (new.at("status").unwrap_or(&null), old.at("status").unwrap_or(&null));
    let mut errors = annotation::validate_update(&Path::new("metadata.annotations"), new, old);
    errors.extend(validate_conditions(now));
    errors.extend(validate_nomination(&path.child("nominatedNodeName"), new, old));
    if now.str_at("qosClass") != before.str_at("qosClass") {
        errors.push(Error::invalid(&path.child("qosClass"), now.str_at("qosClass"), "field is immutable"));
    }
    let policy = old.str_at("spec.restartPolicy");
    for (list, policy) in [
        ("containerStatuses", policy),
        ("initContainerStatuses", policy),
        // The kubelet never restarts these.
        ("ephemeralContainerStatuses", "Never"),
    ] {
        errors.extend(validate_restarts(&path, now, before, list, policy, old));
    }
    errors.extend(validate_claims(&path, now, new));
    errors.extend(validate_addresses(&path.child("podIPs"), now.list_at("podIPs")));
    let hosts = now.list_at("hostIPs");
    if let Some(first) = hosts.first().filter(|first| first.str_at("ip") != now.str_at("hostIP")) {
        let at = path.child("hostIPs").index(0).child("ip");
        errors.push(Error::invalid(&at, first.str_at("ip"), "must be equal to `hostIP`"));
    }
    errors.extend(validate_addresses(&path.child("hostIPs"), hosts));
    errors
}

/// A client that does not know `observedGeneration` does not take it away.
fn keep_observed(new: &mut Value, old: &Value) {
    if new.i64_at("status.observedGeneration").unwrap_or(0) == 0 {
        keep(new, old, "status.observedGeneration");
    }
    let mut known: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for condition in old.list_at("status.conditions").iter().rev() {
        let generation = condition.i64_at("observedGeneration").unwrap_or(0);
        known.entry(condition.str_at("type")).or_default().push(generation);
    }
    let conditions = new.at_mut("status.conditions").and_then(Value::as_array_mut).into_iter().flatten();
    for condition in conditions {
        let generation = known.get_mut(condition.str_at("type")).and_then(Vec::pop).unwrap_or(0);
        if condition.i64_at("observedGeneration").unwrap_or(0) == 0 && generation != 0 {
            condition.set("observedGeneration", generation);
        }
    }
}

fn validate_conditions(status: &Value) -> Errors {
    let mut errors = Vec::new();
    for (at, condition) in each(&Path::new("status"), status, "conditions") {
        if let Some(generation) = condition.i64_at("observedGeneration").filter(|g| *g < 0) {
            errors.push(Error::invalid(&at.child("observedGeneration"), generation, "must be a non-negative integer"));
        }
    }
    // Upstream looks for these under `metadata`, and with a capital letter.
    for (at, condition) in each(&Path::new("metadata"), status, "conditions") {
        let kind = condition.str_at("type");
        if !matches!(kind, "PodScheduled" | "Ready" | "Initialized") {
            errors.extend(check(&at.child("Type"), kind, names::qualified_name));
        }
    }
    errors
}

fn validate_nomination(path: &Path, new: &Value, old: &Value) -> Errors {
    let node = new.str_at("status.nominatedNodeName");
    if node.is_empty() || node == old.str_at("status.nominatedNodeName") {
        return Vec::new();
    }
    let mut errors = check(path, node, names::dns_subdomain);
    if !old.str_at("spec.nodeName").is_empty() {
        errors.push(Error::forbidden(path, "may not be set on pods that are already bound to a node"));
    }
    errors
}

/// A container that has ended for good does not run again.
fn validate_restarts(path: &Path, now: &Value, before: &Value, list: &str, policy: &str, pod: &Value) -> Errors {
    if policy == "Always" {
        return Vec::new();
    }
    let sidecars: BTreeSet<&str> = pod
        .list_at("spec.initContainers")
        .iter()
        .filter(|container| is_sidecar(container))
        .map(|container| container.str_at("name"))
        .collect();
    let mut errors = Vec::new();
    for (at, ended) in each(path, before, list) {
        let Some(end) = ended.at("state.terminated") else { continue };
        let name = ended.str_at("name");
        let may_restart = policy == "OnFailure" && end.i64_at("exitCode").unwrap_or(0) != 0;
        if may_restart || (list == "initContainerStatuses" && sidecars.contains(name)) {
            continue;
        }
        let runs = |status: &Value| status.str_at("name") == name && status.at("state.terminated").is_none();
        if now.list_at(list).iter().any(runs) {
            errors.push(Error::forbidden(&at.child("state"), "may not be transitioned to non-terminated state"));
        }
    }
    errors
}

fn validate_claims(path: &Path, status: &Value, pod: &Value) -> Errors {
    let known: BTreeSet<&str> = pod.list_at("spec.resourceClaims").iter().map(|claim| claim.str_at("name")).collect();
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for (at, claim) in each(path, status, "resourceClaimStatuses") {
        let name = claim.str_at("name");
        if !known.contains(name) {
            let detail = "must match the name of an entry in `spec.resourceClaims`";
            errors.push(Error::invalid(&at.child("name"), name, detail));
        }
        if !seen.insert(name) {
            errors.push(Error::duplicate(&at.child("name"), name));
        }
    }
    errors
}

/// At most one address of each family.
fn validate_addresses(path: &Path, addresses: &[Value]) -> Errors {
    let mut errors = Vec::new();
    for (i, address) in addresses.iter().enumerate() {
        errors.extend(ip::validate(&path.index(i), address.str_at("ip")));
    }
    if addresses.len() < 2 {
        return errors;
    }
    let parsed: Vec<_> = addresses.iter().filter_map(|address| ip::parse(address.str_at("ip"))).collect();
    let both = parsed.iter().any(std::net::IpAddr::is_ipv4) && parsed.iter().any(std::net::IpAddr::is_ipv6);
    if !both || addresses.len() > 2 {
        let shown: Vec<Value> = addresses.iter().map(|address| json!({"IP": address.str_at("ip")})).collect();
        errors.push(Error::invalid(path, shown, "may specify no more than one IP for each IP family"));
    }
    let mut seen = BTreeSet::new();
    for (i, address) in addresses.iter().enumerate() {
        if !seen.insert(address.str_at("ip")) {
            errors.push(Error::duplicate(&path.index(i), json!({"IP": address.str_at("ip")})));
        }
    }
    errors
}
