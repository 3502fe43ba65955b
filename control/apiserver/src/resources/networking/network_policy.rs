//! NetworkPolicy: which peers pods may hear from and speak to.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell};
use crate::validation::{ip, one_of, port, selector};

/// The two directions: the list of rules and the list of peers in a rule.
const DIRECTIONS: [(&str, &str); 2] = [("ingress", "from"), ("egress", "to")];

/// The row.
pub(super) fn row() -> Resource {
    Resource {
        short_names: &["netpol"],
        columns: const { &[Column::NAME, Column::text("Pod-Selector"), Column::AGE] },
        cells: |object, now| {
            vec![cell::name(object), cell::selector(object.at("spec.podSelector")), age::of(object, now)]
        },
        strategy: &NetworkPolicy,
        generation: Generation::Spec,
        ..super::new("NetworkPolicy", "networkpolicies", "networking/v1.NetworkPolicy", Scope::Namespaced)
    }
}

struct NetworkPolicy;

impl Strategy for NetworkPolicy {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        for (rules, _) in DIRECTIONS {
            for rule in object.at_mut("spec").and_then(|spec| spec.at_mut(rules)?.as_array_mut()).into_iter().flatten()
            {
                for port in rule.at_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                    port.set_default("protocol", "TCP");
                }
            }
        }
        if object.list_at("spec.policyTypes").is_empty() {
            // Rules for egress ask for it; ingress is always meant.
            let egress = object.list_at("spec.egress").is_empty();
            object.set("spec.policyTypes", if egress { json!(["Ingress"]) } else { json!(["Ingress", "Egress"]) });
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, _: &Value) -> Errors {
        validate(new)
    }

    fn warnings(&self, _: &Context<'_>, object: &Value, _: Option<&Value>) -> Vec<String> {
        let blocks = peers(object).filter_map(|(path, peer)| Some((path.child("ipBlock"), peer.at("ipBlock")?)));
        blocks
            .flat_map(|(path, block)| {
                let except = block.list_at("except").iter().filter_map(Value::as_str).enumerate();
                let except: Vec<_> = except.map(|(i, text)| (path.child("except").index(i), text)).collect();
                std::iter::once((path.child("cidr"), block.str_at("cidr"))).chain(except)
            })
            .filter_map(|(path, text)| canonical_warning(&path, text))
            .collect()
    }
}

fn canonical_warning(path: &Path, text: &str) -> Option<String> {
    let (address, bits) = ip::parse_cidr(text).filter(|(address, _)| address.is_ipv6())?;
    let canonical = format!("{address}/{bits}");
    (canonical != text)
        .then(|| format!("{path}: IPv6 CIDR value {text:?} should be in RFC 5952 canonical format ({canonical:?})"))
}

fn peers(object: &Value) -> impl Iterator<Item = (Path, &Value)> {
    DIRECTIONS.into_iter().flat_map(move |(rules, peers)| {
        let path = Path::new("spec").child(rules);
        let list = object.at("spec").map(|spec| spec.list_at(rules)).unwrap_or_default();
        list.iter().enumerate().flat_map(move |(i, rule)| {
            let path = path.index(i).child(peers);
            rule.list_at(peers).iter().enumerate().map(move |(j, peer)| (path.index(j), peer))
        })
    })
}

fn validate(object: &Value) -> Errors {
    let spec = Path::new("spec");
    let mut errors = selector::validate(&spec.child("podSelector"), object.at("spec.podSelector"));
    for (rules, peers) in DIRECTIONS {
        let path = spec.child(rules);
        let list = object.at("spec").map(|spec| spec.list_at(rules)).unwrap_or_default();
        for (i, rule) in list.iter().enumerate() {
            let path = path.index(i);
            let ports = rule.list_at("ports").iter().enumerate();
            errors.extend(ports.flat_map(|(j, port)| validate_port(&path.child("ports").index(j), port)));
            let listed = rule.list_at(peers).iter().enumerate();
            errors.extend(listed.flat_map(|(j, peer)| validate_peer(&path.child(peers).index(j), peer)));
        }
    }
    errors.extend(validate_types(object));
    errors
}

fn validate_types(object: &Value) -> Errors {
    let path = Path::new("spec.policyTypes");
    let types = object.list_at("spec.policyTypes");
    if types.len() > 2 {
        return vec![Error::invalid(&path, types.to_vec(), "may not specify more than two policyTypes")];
    }
    let each = types.iter().filter_map(Value::as_str).enumerate();
    each.flat_map(|(i, text)| one_of(&path.index(i), text, &["Ingress", "Egress"])).collect()
}

fn validate_port(path: &Path, rule: &Value) -> Errors {
    let mut errors = Errors::new();
    if let Some(protocol) = rule.at("protocol").and_then(Value::as_str) {
        errors.extend(one_of(&path.child("protocol"), protocol, &["TCP", "UDP", "SCTP"]));
    }
    let number = rule.at("port").filter(|port| !port.is_null());
    if number.is_some() {
        errors.extend(port::validate_number_or_name(&path.child("port"), number));
    }
    let Some(end) = rule.i64_at("endPort") else { return errors };
    let path = path.child("endPort");
    match number.map(Value::as_i64) {
        None => errors.push(Error::invalid(&path, end, "may not be specified when `port` is not specified")),
        Some(None) => errors.push(Error::invalid(&path, end, "may not be specified when `port` is non-numeric")),
        Some(Some(first)) => {
            if end < first {
                errors.push(Error::invalid(&path, end, "must be greater than or equal to `port`"));
            }
            errors.extend(port::validate_number(&path, Some(end)));
        }
    }
    errors
}

fn validate_peer(path: &Path, peer: &Value) -> Errors {
    let given = |field: &str| peer.at(field).filter(|value| !value.is_null());
    let mut errors = Errors::new();
    for field in ["podSelector", "namespaceSelector"] {
        errors.extend(selector::validate(&path.child(field), given(field)));
    }
    let selects = given("podSelector").is_some() || given("namespaceSelector").is_some();
    match (given("ipBlock"), selects) {
        (None, false) => errors.push(Error::required(path, "must specify a peer")),
        (Some(_), true) => errors.push(Error::forbidden(path, "may not specify both ipBlock and another peer")),
        (Some(block), false) => errors.extend(validate_block(&path.child("ipBlock"), block)),
        (None, true) => {}
    }
    errors
}

fn validate_block(path: &Path, block: &Value) -> Errors {
    let cidr = block.str_at("cidr");
    if cidr.is_empty() {
        return vec![Error::required(&path.child("cidr"), "")];
    }
    let mut errors = validate_cidr(&path.child("cidr"), cidr);
    let Some(outer) = ip::parse_cidr(cidr) else { return errors };
    let path = path.child("except");
    for (i, text) in block.list_at("except").iter().filter_map(Value::as_str).enumerate() {
        let faults = validate_cidr(&path.index(i), text);
        let inside = ip::parse_cidr(text).is_some_and(|inner| is_strict_subset(inner, outer));
        if faults.is_empty() && !inside {
            errors.push(Error::invalid(&path.index(i), text, "must be a strict subset of `cidr`"));
        }
        errors.extend(faults);
    }
    errors
}

fn validate_cidr(path: &Path, text: &str) -> Errors {
    match ip::parse_cidr(text) {
        Some((address, bits)) if masked(address, bits) != bits_of(address) => {
            vec![Error::invalid(path, text, "must not have bits set beyond the prefix length")]
        }
        _ => ip::validate_cidr(path, text),
    }
}

/// The address as the highest bits of a number, so that both families are cut alike.
fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn masked(address: IpAddr, bits: u8) -> u128 {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or_default();
    bits_of(address) & mask
}

fn is_strict_subset(inner: (IpAddr, u8), outer: (IpAddr, u8)) -> bool {
    let same_family = inner.0.is_ipv4() == outer.0.is_ipv4();
    same_family && inner.1 > outer.1 && masked(inner.0, outer.1) == masked(outer.0, outer.1)
}
