//! What is wrong with an EndpointSlice (`pkg/apis/discovery/validation`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::address;
use crate::resources::core::endpoints::PROTOCOLS;
use crate::validation::{Faults, check, ip, names, one_of};

/// What is wrong with a name.
type Rule = fn(&str) -> Faults;

const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;
const HINTS_MAX: usize = 8;

/// A new slice.
pub(super) fn slice(object: &Value) -> Errors {
    let kind = object.str_at("addressType");
    let path = Path::new("addressType");
    let mut errors = match kind {
        "" => vec![Error::required(&path, "")],
        kind => one_of(&path, kind, &["FQDN", "IPv4", "IPv6"]),
    };
    errors.extend(endpoints(kind, object.list_at("endpoints")));
    errors.extend(ports(object.list_at("ports")));
    errors
}

/// A changed slice.
pub(super) fn update(new: &Value, old: &Value) -> Errors {
    let mut errors = slice(new);
    if new.str_at("addressType") != old.str_at("addressType") {
        errors.push(Error::invalid(&Path::new("addressType"), Value::Null, "field is immutable"));
    }
    errors
}

/// Addresses that are not in their canonical form, and an address type that goes.
pub(super) fn warnings(object: &Value) -> Vec<String> {
    let kind = object.str_at("addressType");
    let old = (kind == "FQDN").then(|| "addressType: FQDN endpoints are deprecated".to_owned());
    let endpoints = if kind == "FQDN" { &[] } else { object.list_at("endpoints") };
    let bad = endpoints.iter().enumerate().flat_map(|(i, endpoint)| {
        let path = Path::new("endpoints").index(i).child("addresses");
        let addresses = endpoint.list_at("addresses").iter().filter_map(Value::as_str).enumerate();
        addresses.filter_map(move |(j, text)| address::warnings(&path.index(j), text))
    });
    old.into_iter().chain(bad).collect()
}

fn endpoints(kind: &str, list: &[Value]) -> Errors {
    let path = Path::new("endpoints");
    if list.len() > ENDPOINTS_MAX {
        return vec![Error::too_many(&path, list.len(), ENDPOINTS_MAX)];
    }
    list.iter().enumerate().flat_map(|(i, one)| endpoint(kind, &path.index(i), one)).collect()
}

fn endpoint(kind: &str, path: &Path, endpoint: &Value) -> Errors {
    let at = path.child("addresses");
    let addresses = endpoint.list_at("addresses");
    let mut errors = match addresses.len() {
        0 => vec![Error::required(&at, "")],
        count if count > ADDRESSES_MAX => vec![Error::too_many(&at, count, ADDRESSES_MAX)],
        _ => Errors::new(),
    };
    if addresses.len() <= ADDRESSES_MAX {
        let texts = addresses.iter().filter_map(Value::as_str).enumerate();
        errors.extend(texts.flat_map(|(i, text)| one_address(kind, &at, i, text)));
    }
    if let Some(node) = endpoint.at("nodeName").and_then(Value::as_str) {
        errors.extend(check(&path.child("nodeName"), node, names::dns_subdomain));
    }
    if let Some(hostname) = endpoint.at("hostname").and_then(Value::as_str) {
        errors.extend(check(&path.child("hostname"), hostname, names::dns_label));
    }
    errors.extend(hints(&path.child("hints"), endpoint.at("hints")));
    errors
}

fn one_address(kind: &str, path: &Path, index: usize, text: &str) -> Errors {
    let at = path.index(index);
    match kind {
        "FQDN" => check(&at, text.strip_suffix('.').unwrap_or(text), names::dns_subdomain),
        "IPv4" | "IPv6" => {
            let Some(parsed) = ip::parse(text) else { return ip::validate(&at, text) };
            let fits = parsed.is_ipv4() == (kind == "IPv4");
            // Upstream names the list here, not its element.
            let family = (!fits).then(|| Error::invalid(path, text, &format!("must be an {kind} address")));
            family.into_iter().chain(address::validate_not_special(&at, text)).collect()
        }
        _ => Errors::new(),
    }
}

fn hints(path: &Path, hints: Option<&Value>) -> Errors {
    let Some(hints) = hints else { return Errors::new() };
    let rows: [(&str, Rule); 2] = [("forZones", names::label_value), ("forNodes", names::dns_subdomain)];
    rows.into_iter().flat_map(|(field, rule)| hint_names(&path.child(field), hints.list_at(field), rule)).collect()
}

fn hint_names(path: &Path, hints: &[Value], rule: Rule) -> Errors {
    if hints.len() > HINTS_MAX {
        return vec![Error::too_many(path, hints.len(), HINTS_MAX)];
    }
    let mut seen = BTreeSet::new();
    let each = hints.iter().map(|hint| hint.str_at("name")).enumerate();
    each.flat_map(|(i, name)| {
        let at = path.index(i).child("name");
        match (seen.insert(name), name) {
            (false, _) => vec![Error::duplicate(&at, name)],
            (true, "") => vec![Error::required(&at, "")],
            (true, _) => check(&at, name, rule),
        }
    })
    .collect()
}

fn ports(list: &[Value]) -> Errors {
    let path = Path::new("ports");
    if list.len() > PORTS_MAX {
        return vec![Error::too_many(&path, list.len(), PORTS_MAX)];
    }
    let mut seen = BTreeSet::new();
    let mut errors = Errors::new();
    for (i, port) in list.iter().enumerate() {
        let (path, name) = (path.index(i), port.str_at("name"));
        if !name.is_empty() {
            errors.extend(check(&path.child("name"), name, names::dns_label));
        }
        if !seen.insert(name) {
            errors.push(Error::duplicate(&path.child("name"), name));
        }
        errors.extend(one_of(&path.child("protocol"), port.str_at("protocol"), PROTOCOLS));
        if let Some(protocol) = port.at("appProtocol").and_then(Value::as_str) {
            errors.extend(check(&path.child("appProtocol"), protocol, names::qualified_name));
        }
    }
    errors
}
