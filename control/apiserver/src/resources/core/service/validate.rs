//! What is wrong with a service (`ValidateService`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Kind, Path, quote};
use crate::object::Fields;
use crate::resources::address;
use crate::resources::core::endpoints::PROTOCOLS;
use crate::resources::core::service::{family, shape};
use crate::validation::{check, ip, labels, names, one_of, port};

const KUBELET_PORT: i64 = 10250;
const AFFINITY_SECONDS_MAX: i64 = 86_400;
const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const POLICIES: &[&str] = &["Cluster", "Local"];
const BALANCED_ONLY: &str = "may only be used when `type` is 'LoadBalancer'";

/// A service whose addresses and ports have been filled in.
pub(super) fn service(object: &Value) -> Errors {
    let spec = Path::new("spec");
    let mut errors = Errors::new();
    let ports = object.list_at("spec.ports");
    if ports.is_empty() && !shape::is_headless(object) && shape::kind(object) != "ExternalName" {
        errors.push(Error::required(&spec.child("ports"), ""));
    }
    errors.extend(of_type(object));
    errors.extend(each_port(object));
    errors.extend(labels::validate(&spec.child("selector"), object.at("spec.selector")));
    errors.extend(affinity(object));
    errors.extend(family::validate(object));
    errors.extend(external_addresses(object));
    errors.extend(match shape::kind(object) {
        "" => vec![Error::required(&spec.child("type"), "")],
        kind => one_of(&spec.child("type"), kind, TYPES),
    });
    errors.extend(port_numbers(object));
    errors.extend(load_balancer(object));
    errors.extend(traffic(object));
    errors
}

fn of_type(object: &Value) -> Errors {
    let spec = Path::new("spec");
    let kind = shape::kind(object);
    let mut errors = Errors::new();
    if kind == "LoadBalancer" {
        for (i, port) in object.list_at("spec.ports").iter().enumerate() {
            if port.i64_at("port") == Some(KUBELET_PORT) {
                let path = spec.child("ports").index(i).child("port");
                let fault = format!("may not expose port {KUBELET_PORT} externally since it is used by kubelet");
                errors.push(Error::invalid(&path, KUBELET_PORT, &fault));
            }
        }
    }
    if shape::takes_node_port(object) && shape::is_headless(object) {
        let fault = format!("may not be set to 'None' for {kind} services");
        errors.push(Error::invalid(&spec.child("clusterIPs").index(0), "None", &fault));
    }
    if kind == "ExternalName" {
        errors.extend(external_name(object));
    }
    errors
}

fn external_name(object: &Value) -> Errors {
    let spec = Path::new("spec");
    let given = |field: &str| crate::validation::is_given(object.at(&format!("spec.{field}")));
    let fields = ["clusterIPs", "ipFamilies", "ipFamilyPolicy"].into_iter().filter(|field| given(field));
    let mut errors: Errors =
        fields.map(|field| Error::forbidden(&spec.child(field), "may not be set for ExternalName services")).collect();
    let path = spec.child("externalName");
    let name = object.str_at("spec.externalName");
    // A dot at the end says that the name is complete.
    errors.extend(match name.strip_suffix('.').unwrap_or(name) {
        "" => vec![Error::required(&path, "")],
        name => check(&path, name, names::dns_subdomain),
    });
    errors
}

fn each_port(object: &Value) -> Errors {
    let path = Path::new("spec.ports");
    let ports = object.list_at("spec.ports");
    let mut seen = BTreeSet::new();
    let mut errors = Errors::new();
    for (i, port) in ports.iter().enumerate() {
        let (path, name) = (path.index(i), port.str_at("name"));
        if name.is_empty() && ports.len() > 1 {
            errors.push(Error::required(&path.child("name"), ""));
        }
        if !name.is_empty() {
            errors.extend(check(&path.child("name"), name, names::dns_label));
            if !seen.insert(name) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
        }
        errors.extend(one_port(&path, port));
    }
    errors
}

fn one_port(path: &Path, port: &Value) -> Errors {
    let mut errors = port::validate_number(&path.child("port"), port.i64_at("port"));
    errors.extend(match port.str_at("protocol") {
        "" => vec![Error::required(&path.child("protocol"), "")],
        protocol => one_of(&path.child("protocol"), protocol, PROTOCOLS),
    });
    errors.extend(port::validate_number_or_name(&path.child("targetPort"), port.at("targetPort")));
    if let Some(protocol) = port.at("appProtocol").and_then(Value::as_str) {
        errors.extend(check(&path.child("appProtocol"), protocol, names::qualified_name));
    }
    errors
}

fn affinity(object: &Value) -> Errors {
    let path = Path::new("spec.sessionAffinity");
    let affinity = object.str_at("spec.sessionAffinity");
    let mut errors = match affinity {
        "" => vec![Error::required(&path, "")],
        affinity => one_of(&path, affinity, &["ClientIP", "None"]),
    };
    let config = Path::new("spec.sessionAffinityConfig");
    let given = object.at("spec.sessionAffinityConfig").is_some_and(|config| !config.is_null());
    match object.i64_at("spec.sessionAffinityConfig.clientIP.timeoutSeconds") {
        _ if affinity == "None" && given => {
            errors.push(Error::forbidden(&config, "must not be set when session affinity is None"));
        }
        Some(seconds) if affinity == "ClientIP" && !(1..=AFFINITY_SECONDS_MAX).contains(&seconds) => {
            let path = config.child("clientIP.timeoutSeconds");
            let fault = format!("must be greater than 0 and less than {AFFINITY_SECONDS_MAX}");
            errors.push(Error::invalid(&path, seconds, &fault));
        }
        None if affinity == "ClientIP" => {
            errors.push(Error::required(&config, "when session affinity type is ClientIP"));
        }
        Some(_) | None => {}
    }
    errors
}

fn external_addresses(object: &Value) -> Errors {
    let path = Path::new("spec.externalIPs");
    let texts = object.list_at("spec.externalIPs").iter().filter_map(Value::as_str).enumerate();
    texts
        .flat_map(|(i, text)| match ip::validate(&path.index(i), text) {
            errors if errors.is_empty() => address::validate_not_special(&path.index(i), text),
            errors => errors,
        })
        .collect()
}

fn port_numbers(object: &Value) -> Errors {
    let path = Path::new("spec.ports");
    let ports = || object.list_at("spec.ports").iter().enumerate();
    let node = |port: &Value| port.i64_at("nodePort").unwrap_or_default();
    let mut errors = Errors::new();
    if shape::kind(object) == "ClusterIP" {
        let set = ports().filter(|(_, port)| node(port) != 0);
        let fault = "may not be used when `type` is 'ClusterIP'";
        errors.extend(set.map(|(i, _)| Error::forbidden(&path.index(i).child("nodePort"), fault)));
    }
    let mut seen = BTreeSet::new();
    for (i, port) in ports().filter(|(_, port)| node(port) != 0) {
        if !seen.insert((port.str_at("protocol"), node(port))) {
            errors.push(Error::duplicate(&path.index(i).child("nodePort"), node(port)));
        }
    }
    let mut seen = BTreeSet::new();
    for (i, port) in ports() {
        let (protocol, number) = (port.str_at("protocol"), port.i64_at("port").unwrap_or_default());
        if !seen.insert((protocol, number)) {
            // Upstream compares structs that have nothing but these two.
            let protocol = quote(protocol);
            let value = format!(
                "{{\"Name\":\"\",\"Protocol\":{protocol},\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\
                 \"NodePort\":0}}"
            );
            errors.push(Error::new(Kind::Duplicate, &path.index(i), format!("Duplicate value: {value}")));
        }
    }
    errors
}

fn load_balancer(object: &Value) -> Errors {
    let spec = Path::new("spec");
    let is_balanced = shape::kind(object) == "LoadBalancer";
    let given = |field: &str| object.at(&format!("spec.{field}")).is_some_and(|value| !value.is_null());
    let mut errors = Errors::new();
    let ranges = object.list_at("spec.loadBalancerSourceRanges");
    // Upstream's path has a capital letter here.
    let path = spec.child("LoadBalancerSourceRanges");
    if !ranges.is_empty() && !is_balanced {
        errors.push(Error::forbidden(&path, BALANCED_ONLY));
    }
    let texts = ranges.iter().filter_map(Value::as_str).enumerate();
    errors.extend(texts.flat_map(|(i, text)| ip::validate_cidr(&path.index(i), text.trim())));
    if given("allocateLoadBalancerNodePorts") && !is_balanced {
        errors.push(Error::forbidden(&spec.child("allocateLoadBalancerNodePorts"), BALANCED_ONLY));
    }
    if !given("allocateLoadBalancerNodePorts") && is_balanced {
        errors.push(Error::required(&spec.child("allocateLoadBalancerNodePorts"), ""));
    }
    let path = spec.child("loadBalancerClass");
    match object.at("spec.loadBalancerClass").and_then(Value::as_str) {
        Some(class) if is_balanced => errors.extend(check(&path, class, names::qualified_name)),
        Some(_) => errors.push(Error::forbidden(&path, BALANCED_ONLY)),
        None => {}
    }
    errors
}

fn traffic(object: &Value) -> Errors {
    let spec = Path::new("spec");
    let path = spec.child("externalTrafficPolicy");
    let mut errors = match (shape::is_external(object), object.str_at("spec.externalTrafficPolicy")) {
        (false, "") => Errors::new(),
        (false, policy) => {
            vec![Error::invalid(&path, policy, "may only be set for externally-accessible services")]
        }
        (true, "") => vec![Error::required(&path, "for externally-accessible services")],
        (true, policy) => one_of(&path, policy, POLICIES),
    };
    let path = spec.child("healthCheckNodePort");
    let when = "when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.extend(match (shape::needs_health_check(object), object.i64_at("spec.healthCheckNodePort")) {
        (false, None | Some(0)) => Errors::new(),
        (false, Some(port)) => vec![Error::invalid(&path, port, &format!("may only be set {when}"))],
        (true, None | Some(0)) => vec![Error::required(&path, when)],
        (true, port) => port::validate_number(&path, port),
    });
    let path = spec.child("internalTrafficPolicy");
    errors.extend(match object.str_at("spec.internalTrafficPolicy") {
        "" if shape::needs_cluster_ip(object) => vec![Error::required(&path, "")],
        "" => Errors::new(),
        policy => one_of(&path, policy, POLICIES),
    });
    if let Some(text) = object.at("spec.trafficDistribution").and_then(Value::as_str) {
        let path = spec.child("trafficDistribution");
        errors.extend(one_of(&path, text, &["PreferClose", "PreferSameZone", "PreferSameNode"]));
    }
    errors
}

/// What a load balancer may report.
pub(super) fn status(object: &Value) -> Errors {
    let path = Path::new("status.loadBalancer.ingress");
    let points = object.list_at("status.loadBalancer.ingress");
    if shape::kind(object) != "LoadBalancer" {
        let fault = "may only be used when `spec.type` is 'LoadBalancer'";
        return (!points.is_empty()).then(|| Error::forbidden(&path, fault)).into_iter().collect();
    }
    let mut errors = Errors::new();
    for (i, point) in points.iter().enumerate() {
        let (path, mode) = (path.index(i), point.str_at("ipMode"));
        match point.str_at("ip") {
            "" if !mode.is_empty() => {
                let fault = "may not be specified when `ip` is not set";
                errors.push(Error::forbidden(&path.child("ipMode"), fault));
            }
            "" => {}
            text => errors.extend(ip::validate(&path.child("ip"), text)),
        }
        if !mode.is_empty() {
            errors.extend(one_of(&path.child("ipMode"), mode, &["Proxy", "VIP"]));
        }
        let hostname = point.str_at("hostname");
        if !hostname.is_empty() {
            errors.extend(check(&path.child("hostname"), hostname, names::dns_subdomain));
        }
        if ip::parse(hostname).is_some() {
            let fault = "must be a DNS name, not an IP address";
            errors.push(Error::invalid(&path.child("hostname"), hostname, fault));
        }
    }
    errors
}
