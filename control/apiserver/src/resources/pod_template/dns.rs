//! How a pod resolves names: `dnsPolicy`, `dnsConfig`, `hostAliases`.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::container::required_one_of;
use crate::validation::{check, each, ip, member, names};

const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_BYTES_MAX: usize = 2048;

/// `dnsPolicy`.
pub fn validate_policy(path: &Path, spec: &Value) -> Errors {
    let supported = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    required_one_of(&path.child("dnsPolicy"), spec.str_at("dnsPolicy"), &supported)
}

/// `dnsConfig`, which the policy None needs.
pub fn validate_config(path: &Path, spec: &Value) -> Errors {
    let path = path.child("dnsConfig");
    let needed = spec.str_at("dnsPolicy") == "None";
    let Some(config) = member(spec, "dnsConfig") else {
        let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
        return if needed { vec![Error::required(&path, detail)] } else { Vec::new() };
    };
    let servers = config.list_at("nameservers");
    if needed && servers.is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        return vec![Error::required(&path.child("nameservers"), detail)];
    }
    let mut errors = Vec::new();
    if servers.len() > NAMESERVERS_MAX {
        let detail = format!("must not have more than {NAMESERVERS_MAX} nameservers");
        errors.push(Error::invalid(&path.child("nameservers"), servers.to_vec(), &detail));
    }
    for (at, server) in each(&path, config, "nameservers") {
        errors.extend(ip::validate(&at, server.as_str().unwrap_or_default()));
    }
    errors.extend(validate_searches(&path, config));
    for (at, option) in each(&path, config, "options") {
        if option.str_at("name").is_empty() {
            errors.push(Error::required(&at, "must not be empty"));
        }
    }
    errors
}

/// `hostAliases`.
pub fn validate_aliases(path: &Path, spec: &Value) -> Errors {
    let mut errors = Vec::new();
    for (at, alias) in each(path, spec, "hostAliases") {
        errors.extend(ip::validate(&at.child("ip"), alias.str_at("ip")));
        for (at, name) in each(&at, alias, "hostnames") {
            errors.extend(check(&at, name.as_str().unwrap_or_default(), names::dns_subdomain));
        }
    }
    errors
}

fn validate_searches(path: &Path, config: &Value) -> Errors {
    let searches = config.list_at("searches");
    let at = path.child("searches");
    let mut errors = Vec::new();
    if searches.len() > SEARCHES_MAX {
        let detail = format!("must not have more than {SEARCHES_MAX} search paths");
        errors.push(Error::invalid(&at, searches.to_vec(), &detail));
    }
    let bytes: usize = searches.iter().map(|s| s.as_str().map_or(0, str::len) + 1).sum();
    if bytes > SEARCH_BYTES_MAX + 1 {
        let detail =
            format!("must not have more than {SEARCH_BYTES_MAX} characters (including spaces) in the search list");
        errors.push(Error::invalid(&at, searches.to_vec(), &detail));
    }
    for (at, search) in each(path, config, "searches") {
        let text = search.as_str().unwrap_or_default();
        if text != "." {
            let text = text.strip_suffix('.').unwrap_or(text);
            errors.extend(check(&at, text, names::dns_subdomain_with_underscores));
        }
    }
    errors
}
