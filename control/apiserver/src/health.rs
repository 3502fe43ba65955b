//! Health endpoints: whether the server is up, in the words that probes and kubeadm look for.

use axum::response::Response;
use http::{Method, StatusCode};

use crate::query::Parameters;
use crate::rest::answer;

/// One thing that can be asked about: its name, and below which endpoints.
struct Check {
    name: &'static str,
    endpoints: &'static [&'static str],
}

/// The checks, in the order that `?verbose` lists them. A server that answers at all has its store open and its
/// bootstrap objects written, so none of them can fail later.
const CHECKS: &[Check] = &[
    Check { name: "ping", endpoints: &["healthz", "livez", "readyz"] },
    Check { name: "log", endpoints: &["healthz", "livez", "readyz"] },
    Check { name: "etcd", endpoints: &["healthz", "livez", "readyz"] },
    Check { name: "poststarthook/rbac/bootstrap-roles", endpoints: &["healthz", "livez", "readyz"] },
    Check { name: "shutdown", endpoints: &["readyz"] },
];

/// The answer to a health endpoint, if the path is one.
pub fn answer(method: &Method, path: &str, query: &Parameters) -> Option<Response> {
    let path = path.strip_prefix('/')?;
    let (endpoint, check) = path.split_once('/').unwrap_or((path, ""));
    if !["healthz", "livez", "readyz"].contains(&endpoint) {
        return None;
    }
    let checks = CHECKS.iter().filter(|check| check.endpoints.contains(&endpoint)).map(|check| check.name);
    let checks: Vec<&str> = checks.collect();
    if !check.is_empty() {
        return checks.contains(&check).then(|| answer::text(StatusCode::OK, "ok"));
    }
    let verbose = query.get("verbose").is_some();
    let body = if verbose { verbose_text(endpoint, &checks, query) } else { "ok".to_owned() };
    let body = if *method == Method::HEAD { String::new() } else { body };
    Some(answer::text(StatusCode::OK, body))
}

fn verbose_text(endpoint: &str, checks: &[&str], query: &Parameters) -> String {
    let excluded: Vec<&str> = query.all("exclude").collect();
    let line = |check: &&str| {
        if excluded.contains(check) { format!("[+]{check} excluded: ok\n") } else { format!("[+]{check} ok\n") }
    };
    let lines: String = checks.iter().map(line).collect();
    format!("{lines}{endpoint} check passed\n")
}
