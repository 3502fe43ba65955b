//! Ingress: which requests from outside go to which service.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Now, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell, keep};
use crate::validation::{check, ip, names, port};

const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
const UNSAFE_PARTS: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const UNSAFE_ENDS: [&str; 2] = ["/..", "/."];

/// The row.
pub(super) fn row() -> Resource {
    Resource {
        short_names: &["ing"],
        subresources: &[Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Class"),
                Column::text("Hosts"),
                Column::text("Address"),
                Column::text("Ports"),
                Column::AGE,
            ]
        },
        cells,
        strategy: &Ingress,
        etcd_folder: Some("ingress"),
        generation: Generation::Spec,
        status_takes_labels: true,
        ..super::new("Ingress", "ingresses", "networking/v1.Ingress", Scope::Namespaced)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let rules = object.list_at("spec.rules").iter();
    let hosts: Vec<String> = rules.map(|rule| rule.str_at("host").to_owned()).filter(|host| !host.is_empty()).collect();
    let points: BTreeSet<&str> = object
        .list_at("status.loadBalancer.ingress")
        .iter()
        .map(|point| if point.str_at("ip").is_empty() { point.str_at("hostname") } else { point.str_at("ip") })
        .filter(|point| !point.is_empty())
        .collect();
    let ports = if object.list_at("spec.tls").is_empty() { "80" } else { "80, 443" };
    vec![
        cell::name(object),
        cell::text_or(object.str_at("spec.ingressClassName"), cell::NONE),
        cell::text_or(&cell::first_few(&hosts), "*"),
        points.into_iter().collect::<Vec<_>>().join(",").into(),
        ports.into(),
        age::of(object, now),
    ]
}

struct Ingress;

impl Strategy for Ingress {
    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", json!({"loadBalancer": {}}));
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        let class = object.str_at("spec.ingressClassName");
        let annotations = object.at("metadata.annotations");
        let annotated = annotations.and_then(|map| map.get(CLASS_ANNOTATION)).and_then(Value::as_str);
        let mut errors = Errors::new();
        if let Some(annotated) = annotated.filter(|annotated| !class.is_empty() && class != *annotated) {
            let path = Path::new("annotations").child(CLASS_ANNOTATION);
            let fault = "must match `ingressClassName` when both are specified";
            errors.push(Error::invalid(&path, annotated, fault));
        }
        errors.extend(validate(object));
        errors
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, _: &Value) -> Errors {
        match cx.subresource {
            Some("status") => validate_status(new),
            _ => validate(new),
        }
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        let annotated = object.at("metadata.annotations").is_some_and(|map| map.get(CLASS_ANNOTATION).is_some());
        if !annotated || old.is_some() || cx.subresource.is_some() {
            return Vec::new();
        }
        let advice = "is deprecated, please use 'spec.ingressClassName' instead";
        vec![format!("annotation {CLASS_ANNOTATION:?} {advice}")]
    }
}

fn validate(object: &Value) -> Errors {
    let spec = Path::new("spec");
    let mut errors = Errors::new();
    let backend = object.at("spec.defaultBackend").filter(|backend| backend.is_object());
    let rules = object.list_at("spec.rules");
    if rules.is_empty() && backend.is_none() {
        errors.push(Error::invalid(&spec, Value::Null, "either `defaultBackend` or `rules` must be specified"));
    }
    errors.extend(backend.into_iter().flat_map(|one| validate_backend(&spec.child("defaultBackend"), one)));
    for (i, rule) in rules.iter().enumerate() {
        let path = spec.child("rules").index(i);
        errors.extend(validate_host(&path.child("host"), rule.str_at("host")));
        if let Some(http) = rule.at("http").filter(|http| http.is_object()) {
            errors.extend(validate_paths(&path.child("http.paths"), http.list_at("paths")));
        }
    }
    for (i, tls) in object.list_at("spec.tls").iter().enumerate() {
        let path = spec.child("tls").index(i);
        let hosts = tls.list_at("hosts").iter().filter_map(Value::as_str).enumerate();
        errors.extend(hosts.flat_map(|(j, host)| validate_dns(&path.child("hosts").index(j), host)));
        let secret = tls.str_at("secretName");
        if !secret.is_empty() {
            errors.extend(check(&path.child("secretName"), secret, names::dns_subdomain));
        }
    }
    if let Some(class) = object.at("spec.ingressClassName").and_then(Value::as_str) {
        errors.extend(check(&spec.child("ingressClassName"), class, names::dns_subdomain));
    }
    errors
}

fn validate_host(path: &Path, host: &str) -> Errors {
    if host.is_empty() {
        return Errors::new();
    }
    if ip::parse(host).is_some() {
        return vec![Error::invalid(path, host, "must be a DNS name, not an IP address")];
    }
    validate_dns(path, host)
}

fn validate_dns(path: &Path, host: &str) -> Errors {
    let rule = if host.contains('*') { names::wildcard_dns_subdomain } else { names::dns_subdomain };
    check(path, host, rule)
}

fn validate_paths(path: &Path, paths: &[Value]) -> Errors {
    if paths.is_empty() {
        return vec![Error::required(path, "")];
    }
    let each = paths.iter().enumerate();
    each.flat_map(|(i, one)| {
        let path = path.index(i);
        let mut errors = validate_path(&path, one);
        errors.extend(validate_backend(&path.child("backend"), one.at("backend").unwrap_or(&Value::Null)));
        errors
    })
    .collect()
}

fn validate_path(path: &Path, rule: &Value) -> Errors {
    let at = path.child("path");
    let text = rule.str_at("path");
    let relative = || vec![Error::invalid(&at, text, "must be an absolute path")];
    match rule.at("pathType").and_then(Value::as_str) {
        None => vec![Error::required(&path.child("pathType"), "pathType must be specified")],
        Some("Exact" | "Prefix") if !text.starts_with('/') => relative(),
        Some("Exact" | "Prefix") => {
            let parts = UNSAFE_PARTS.into_iter().filter(|part| text.contains(part));
            let inside = parts.map(|part| Error::invalid(&at, text, &format!("must not contain '{part}'")));
            let ends = UNSAFE_ENDS.into_iter().filter(|end| text.ends_with(end));
            inside.chain(ends.map(|end| Error::invalid(&at, text, &format!("cannot end with '{end}'")))).collect()
        }
        Some("ImplementationSpecific") if !text.is_empty() && !text.starts_with('/') => relative(),
        Some("ImplementationSpecific") => Errors::new(),
        Some(other) => {
            let supported = ["Exact", "ImplementationSpecific", "Prefix"];
            vec![Error::not_supported(&path.child("pathType"), other, &supported)]
        }
    }
}

fn validate_backend(path: &Path, backend: &Value) -> Errors {
    let given = |field: &str| backend.at(field).filter(|value| value.is_object());
    match (given("service"), given("resource")) {
        (Some(_), Some(_)) => vec![Error::invalid(path, "", "cannot set both resource and service backends")],
        (Some(service), None) => validate_service(path, service),
        (None, Some(resource)) => validate_reference(&path.child("resource"), resource),
        (None, None) => vec![Error::invalid(path, "", "resource or service backend is required")],
    }
}

fn validate_service(path: &Path, service: &Value) -> Errors {
    let at = path.child("service");
    let mut errors = match service.str_at("name") {
        "" => vec![Error::required(&at.child("name"), "")],
        name => check(&at.child("name"), name, names::dns_label),
    };
    let number = service.i64_at("port.number").filter(|number| *number != 0);
    errors.extend(match (service.str_at("port.name"), number) {
        ("", None) => vec![Error::required(path, "port name or number is required")],
        ("", number) => port::validate_number(&at.child("port.number"), number),
        (name, None) => check(&at.child("port.name"), name, port::port_name),
        (_, Some(_)) => vec![Error::invalid(path, "", "cannot set both port name & port number")],
    });
    errors
}

fn validate_reference(path: &Path, reference: &Value) -> Errors {
    let mut errors = Errors::new();
    if let Some(group) = reference.at("apiGroup").and_then(Value::as_str) {
        errors.extend(check(&path.child("apiGroup"), group, names::dns_subdomain));
    }
    for field in ["kind", "name"] {
        errors.extend(match reference.str_at(field) {
            "" => vec![Error::required(&path.child(field), "")],
            text => check(&path.child(field), text, names::path_segment),
        });
    }
    errors
}

fn validate_status(object: &Value) -> Errors {
    let path = Path::new("status.loadBalancer.ingress");
    let points = object.list_at("status.loadBalancer.ingress").iter().enumerate();
    points
        .flat_map(|(i, point)| {
            let (path, address, hostname) = (path.index(i), point.str_at("ip"), point.str_at("hostname"));
            let mut errors = Errors::new();
            if !address.is_empty() {
                errors.extend(ip::validate(&path.child("ip"), address));
            }
            if !hostname.is_empty() {
                errors.extend(validate_host(&path.child("hostname"), hostname));
            }
            errors
        })
        .collect()
}
