//! The order in which a pod spec is checked (`ValidatePodSpec`): its errors come out in this order.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::container::{self, Pod, required_one_of};
use crate::resources::pod_template::{affinity, dns, pod_security, resources, spread, toleration, volume};
use crate::validation::{Faults, check, each, is_given, labels, member, names, number};

const ACTIVE_DEADLINE_SECONDS_MAX: i64 = i32::MAX as i64;

/// What the spec is part of: some rules are for pods only, so that old templates stay valid.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// A pod of this name, which may be empty while it is generated.
    Pod(&'a str),
    /// A template.
    Template,
}

/// Checks a pod spec at `path`.
pub fn validate(path: &Path, spec: &Value, owner: Owner<'_>) -> Errors {
    let pod_name = match owner {
        Owner::Pod(name) => name,
        Owner::Template => "",
    };
    let mut errors = Vec::new();
    if spec.i64_at("terminationGracePeriodSeconds").is_none() {
        errors.push(Error::required(&path.child("terminationGracePeriodSeconds"), ""));
    }
    let (volumes, found) = volume::validate(path, spec, pod_name);
    errors.extend(found);
    errors.extend(validate_resource_claims(path, spec));
    let pod = Pod { spec, volumes: &volumes };
    errors.extend(container::validate_regular(path, &pod));
    errors.extend(container::validate_init(path, &pod));
    errors.extend(container::validate_ephemeral(path, &pod));
    errors.extend(resources::validate_pod(&path.child("resources"), spec));
    errors.extend(validate_host_network(path, spec, owner));
    let policies = ["Always", "OnFailure", "Never"];
    errors.extend(required_one_of(&path.child("restartPolicy"), spec.str_at("restartPolicy"), &policies));
    errors.extend(dns::validate_policy(path, spec));
    errors.extend(labels::validate(&path.child("nodeSelector"), spec.at("nodeSelector")));
    errors.extend(pod_security::validate(path, spec));
    errors.extend(affinity::validate(path, spec));
    errors.extend(dns::validate_config(path, spec));
    errors.extend(validate_gates(path, spec));
    errors.extend(spread::validate(path, spec));
    errors.extend(pod_security::validate_host_process(path, spec));
    errors.extend(pod_security::validate_host_users(path, spec));
    errors.extend(validate_names(path, spec));
    errors.extend(toleration::validate(path, spec));
    errors.extend(dns::validate_aliases(path, spec));
    errors.extend(validate_classes(path, spec));
    errors.extend(pod_security::validate_os(path, spec));
    errors
}

/// On the host's network a host port is the container's port; a template may leave it out.
fn validate_host_network(path: &Path, spec: &Value, owner: Owner<'_>) -> Errors {
    if !spec.bool_at("hostNetwork") {
        return Vec::new();
    }
    let mut errors = Vec::new();
    for (at, container) in each(path, spec, "containers") {
        for (at, port) in each(&at, container, "ports") {
            let (host, own) = (port.i64_at("hostPort").unwrap_or(0), port.i64_at("containerPort").unwrap_or(0));
            let matters = matches!(owner, Owner::Pod(_)) || host != 0;
            if matters && host != own {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.push(Error::invalid(&at.child("hostPort"), host, detail));
            }
        }
    }
    errors
}

/// Readiness gates and scheduling gates.
fn validate_gates(path: &Path, spec: &Value) -> Errors {
    let mut errors = Vec::new();
    for (at, gate) in each(path, spec, "readinessGates") {
        errors.extend(check(&at.child("conditionType"), gate.str_at("conditionType"), names::qualified_name));
    }
    let mut seen = BTreeSet::new();
    for (at, gate) in each(path, spec, "schedulingGates") {
        let name = gate.str_at("name");
        errors.extend(check(&at, name, names::qualified_name));
        if !seen.insert(name) {
            errors.push(Error::duplicate(&at, name));
        }
    }
    errors
}

/// The names of other objects, and the deadline that stands among them.
fn validate_names(path: &Path, spec: &Value) -> Errors {
    let named = |name: &str, rule: fn(&str) -> Faults| match spec.str_at(name) {
        "" => Vec::new(),
        text => check(&path.child(name), text, rule),
    };
    let mut errors = named("serviceAccountName", names::dns_subdomain);
    errors.extend(named("nodeName", names::dns_subdomain));
    let deadline = spec.i64_at("activeDeadlineSeconds");
    errors.extend(number::in_range(&path.child("activeDeadlineSeconds"), deadline, 1, ACTIVE_DEADLINE_SECONDS_MAX));
    errors.extend(named("hostname", names::dns_label));
    errors.extend(named("subdomain", names::dns_label));
    if let Some(name) = spec.at("hostnameOverride").and_then(Value::as_str) {
        errors.extend(check(&path.child("hostnameOverride"), name, names::dns_subdomain));
        if is_given(spec.at("setHostnameAsFQDN")) && spec.bool_at("setHostnameAsFQDN") {
            let detail = "cannot be set when `setHostnameAsFQDN` is true";
            errors.push(Error::forbidden(&path.child("hostnameOverride"), detail));
        }
    }
    errors
}

fn validate_classes(path: &Path, spec: &Value) -> Errors {
    let mut errors = Vec::new();
    for name in ["priorityClassName", "runtimeClassName"] {
        let given = spec.at(name).and_then(Value::as_str).filter(|text| name == "runtimeClassName" || !text.is_empty());
        if let Some(text) = given {
            errors.extend(check(&path.child(name), text, names::dns_subdomain));
        }
    }
    if let Some(policy) = spec.at("preemptionPolicy").and_then(Value::as_str) {
        errors.extend(required_one_of(&path.child("preemptionPolicy"), policy, &["PreemptLowerPriority", "Never"]));
    }
    if let Some(overhead) = member(spec, "overhead") {
        errors.extend(resources::validate_overhead(&path.child("overhead"), overhead));
    }
    errors
}

/// `resourceClaims`: a name, and one claim or one template of a claim.
fn validate_resource_claims(path: &Path, spec: &Value) -> Errors {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, claim) in each(path, spec, "resourceClaims") {
        let name = claim.str_at("name");
        match name {
            "" => errors.push(Error::required(&at.child("name"), "")),
            _ if !seen.insert(name) => errors.push(Error::duplicate(&at.child("name"), name)),
            _ => errors.extend(check(&at.child("name"), name, names::dns_label)),
        }
        let sources = ["resourceClaimName", "resourceClaimTemplateName"];
        let count = sources.iter().filter(|source| member(claim, source).is_some()).count();
        let detail = match count {
            0 => "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            1 => "",
            _ => "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
        };
        if !detail.is_empty() {
            errors.push(Error::invalid(&at, claim.clone(), detail));
        }
        for source in sources {
            if let Some(text) = claim.at(source).and_then(Value::as_str) {
                errors.extend(check(&at.child(source), text, names::dns_subdomain));
            }
        }
    }
    errors
}

/// Rules that hold in pods only, since templates were never checked for them.
pub fn validate_only_pods(path: &Path, spec: &Value) -> Errors {
    let mut errors = Vec::new();
    if spec.str_at("serviceAccountName").is_empty() {
        for (at, volume) in each(path, spec, "volumes") {
            let projected = volume.at("projected").unwrap_or(&Value::Null);
            for (at, source) in each(&at.child("projected"), projected, "sources") {
                if member(source, "serviceAccountToken").is_some() {
                    let detail = "must not be specified when serviceAccountName is not set";
                    errors.push(Error::forbidden(&at.child("serviceAccountToken"), detail));
                }
            }
        }
    }
    for list in ["containers", "initContainers"] {
        errors.extend(
            each(path, spec, list).flat_map(|(at, container)| container::validate_image_of_pod(&at, container)),
        );
    }
    errors
}
