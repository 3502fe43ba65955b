//! Probes and lifecycle hooks of a container: one handler each, and the numbers around it.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{check, each, member, names, number, one_of, port};

const PROBE_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc"];
const HOOK_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "sleep"];

/// Hooks and probes of a container that may have them.
pub fn validate_all(path: &Path, container: &Value, grace_seconds: Option<i64>) -> Errors {
    let mut errors = Vec::new();
    if let Some(lifecycle) = member(container, "lifecycle") {
        errors.extend(validate_lifecycle(&path.child("lifecycle"), lifecycle, grace_seconds));
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = member(container, name) else { continue };
        let at = path.child(name);
        errors.extend(validate_probe(&at, probe));
        if name == "readinessProbe" {
            if let Some(grace) = probe.i64_at("terminationGracePeriodSeconds") {
                let detail = "must not be set for readinessProbes";
                errors.push(Error::invalid(&at.child("terminationGracePeriodSeconds"), grace, detail));
            }
        } else if let Some(threshold) = probe.i64_at("successThreshold").filter(|t| *t != 1) {
            errors.push(Error::invalid(&at.child("successThreshold"), threshold, "must be 1"));
        }
    }
    errors
}

/// Errors for hooks and probes of an init container that ends.
pub fn forbid_all(path: &Path, container: &Value) -> Errors {
    const DETAIL: &str = "may not be set for init containers without restartPolicy=Always";
    let names = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];
    names
        .into_iter()
        .filter(|name| member(container, name).is_some())
        .map(|name| Error::forbidden(&path.child(name), DETAIL))
        .collect()
}

fn validate_lifecycle(path: &Path, lifecycle: &Value, grace_seconds: Option<i64>) -> Errors {
    let mut errors = Vec::new();
    for name in ["postStart", "preStop"] {
        if let Some(hook) = member(lifecycle, name) {
            errors.extend(validate_handler(&path.child(name), hook, HOOK_HANDLERS, grace_seconds));
        }
    }
    if let Some(signal) = lifecycle.at("stopSignal").and_then(Value::as_str)
        && !(signal.starts_with("SIG") && signal.len() > 3)
    {
        errors.push(Error::invalid(&path.child("stopSignal"), signal, "must be a valid signal"));
    }
    errors
}

fn validate_probe(path: &Path, probe: &Value) -> Errors {
    let mut errors = validate_handler(path, probe, PROBE_HANDLERS, None);
    for name in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        errors.extend(number::non_negative(&path.child(name), probe.i64_at(name)));
    }
    // A grace period on a readiness probe is refused as such, whatever it is.
    if let Some(grace) = probe.i64_at("terminationGracePeriodSeconds").filter(|g| *g <= 0) {
        errors.push(Error::invalid(&path.child("terminationGracePeriodSeconds"), grace, "must be greater than 0"));
    }
    errors
}

fn validate_handler(path: &Path, handler: &Value, names: &[&str], grace_seconds: Option<i64>) -> Errors {
    let mut errors = Vec::new();
    let mut given = names.iter().filter_map(|name| Some((*name, member(handler, name)?)));
    let Some((name, action)) = given.next() else {
        return vec![Error::required(path, "must specify a handler type")];
    };
    let at = path.child(name);
    errors.extend(match name {
        "exec" if action.list_at("command").is_empty() => vec![Error::required(&at.child("command"), "")],
        "exec" => Vec::new(),
        "httpGet" => validate_http_get(&at, action),
        "tcpSocket" => port::validate_number_or_name(&at.child("port"), action.at("port")),
        "grpc" => port::validate_number(&at.child("port"), action.i64_at("port")),
        _ => validate_sleep(&at, action, grace_seconds),
    });
    errors
        .extend(given.map(|(name, _)| Error::forbidden(&path.child(name), "may not specify more than 1 handler type")));
    errors
}

fn validate_http_get(path: &Path, action: &Value) -> Errors {
    let mut errors = Vec::new();
    if action.str_at("path").is_empty() {
        errors.push(Error::required(&path.child("path"), ""));
    }
    errors.extend(port::validate_number_or_name(&path.child("port"), action.at("port")));
    errors.extend(one_of(&path.child("scheme"), action.str_at("scheme"), &["HTTP", "HTTPS"]));
    for (_, header) in each(path, action, "httpHeaders") {
        errors.extend(check(&path.child("httpHeaders"), header.str_at("name"), names::http_header));
    }
    errors
}

fn validate_sleep(path: &Path, action: &Value, grace_seconds: Option<i64>) -> Errors {
    let seconds = action.i64_at("seconds").unwrap_or(0);
    match grace_seconds {
        Some(grace) if !(0..=grace).contains(&seconds) => {
            let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
            vec![Error::invalid(path, seconds, &detail)]
        }
        _ => Vec::new(),
    }
}
