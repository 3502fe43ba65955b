//! What is wrong with a request for a certificate, and with a change of what was decided about it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{pem, signer};
use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{each, one_of};

const EXPIRATION_SECONDS_MIN: i64 = 600;

/// What a key may be used for, sorted.
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// Conditions that are there or not, and stay.
const LASTING: [&str; 3] = ["Approved", "Denied", "Failed"];
/// The conditions that only `/approval` sets.
const DECISIONS: [&str; 2] = ["Approved", "Denied"];

/// What is wrong with a request.
pub(super) fn request(object: &Value) -> Errors {
    let path = Path::new("spec");
    let spec = object.at("spec").unwrap_or(&Value::Null);
    let mut errors = Errors::new();
    if let Err(fault) = pem::check_request(&decoded(spec.str_at("request"))) {
        let value = spec.at("request").cloned().unwrap_or_default();
        errors.push(Error::invalid(&path.child("request"), value, &fault));
    }
    if spec.list_at("usages").is_empty() {
        errors.push(Error::required(&path.child("usages"), ""));
    }
    let usages = || each(&path, spec, "usages").map(|(at, usage)| (at, usage.as_str().unwrap_or_default()));
    errors.extend(usages().flat_map(|(at, usage)| one_of(&at, usage, &USAGES)));
    let mut seen = BTreeSet::new();
    errors.extend(usages().filter(|(_, usage)| !seen.insert(*usage)).map(|(at, usage)| Error::duplicate(&at, usage)));
    errors.extend(signer::validate(&path.child("signerName"), spec.str_at("signerName")));
    if let Some(seconds) = spec.i64_at("expirationSeconds").filter(|seconds| *seconds < EXPIRATION_SECONDS_MIN) {
        let fault = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(Error::invalid(&path.child("expirationSeconds"), seconds, fault));
    }
    errors
}

/// What is wrong with a change that came through `subresource`.
pub(super) fn change(subresource: Option<&str>, new: &Value, old: &Value) -> Errors {
    let path = Path::new("status");
    let conditions = path.child("conditions");
    let mut errors = validate_conditions(&path, new);
    let (certificate, before) = (new.str_at("status.certificate"), old.str_at("status.certificate"));
    if certificate != before
        && !certificate.is_empty()
        && let Err(fault) = pem::check_certificates(&decoded(certificate))
    {
        errors.push(Error::invalid(&path.child("certificate"), "<certificate data>", &fault));
    }
    for kind in LASTING {
        if of_kind(new, kind).count() < of_kind(old, kind).count() {
            let fault = format!("updates may not remove a condition of type {}", crate::field::quote(kind));
            errors.push(Error::forbidden(&conditions, &fault));
        }
    }
    for kind in DECISIONS.iter().filter(|_| subresource != Some("approval")) {
        if of_kind(new, kind).count() > of_kind(old, kind).count() {
            let fault = format!("updates may not add a condition of type {}", crate::field::quote(kind));
            errors.push(Error::forbidden(&conditions, &fault));
        }
    }
    if certificate != before && !before.is_empty() {
        let fault = "updates may not modify existing certificate content";
        errors.push(Error::forbidden(&path.child("certificate"), fault));
    }
    errors
}

fn validate_conditions(path: &Path, object: &Value) -> Errors {
    let status = object.at("status").unwrap_or(&Value::Null);
    let mut seen = BTreeSet::new();
    let mut errors = Errors::new();
    for (at, condition) in each(path, status, "conditions") {
        let (kind, status) = (condition.str_at("type"), condition.str_at("status"));
        if kind.is_empty() {
            errors.push(Error::required(&at.child("type"), ""));
        }
        let known: &[&str] = if LASTING.contains(&kind) { &["True"] } else { &["False", "True", "Unknown"] };
        match status {
            "" => errors.push(Error::required(&at.child("status"), "")),
            status => errors.extend(one_of(&at.child("status"), status, known)),
        }
        if !seen.insert(kind) {
            errors.push(Error::duplicate(&at.child("type"), kind));
        }
    }
    if DECISIONS.iter().all(|kind| seen.contains(kind)) {
        let names = DECISIONS.map(|kind| format!("conditions[{{\"type\": \"{kind}\"}}]"));
        let fault = format!("must specify at most one of: `{}`", names.join("`, `"));
        errors.push(Error::invalid(&path.child("conditions"), format!("{{{}}}", names.join(", ")), &fault));
    }
    errors
}

fn of_kind<'a>(object: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    object.list_at("status.conditions").iter().filter(move |condition| condition.str_at("type") == kind)
}

/// Bytes as JSON has them; what cannot be decoded was refused before.
fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_default()
}
