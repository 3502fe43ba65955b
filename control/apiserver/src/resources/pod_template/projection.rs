//! Volumes that show objects and fields as files: ConfigMaps, Secrets, the downward API, and several of them at once.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::env::{self, FILE_FIELDS, Place};
use crate::resources::pod_template::file_path::{validate_mode, validate_not_reserved};
use crate::validation::{each, is_given, member, selector};

const TOKEN_SECONDS_MIN: i64 = 10 * 60;
const TOKEN_SECONDS_MAX: i64 = 1 << 32;
const CONFLICT: &str = "conflicting duplicate paths";

/// `secret`.
pub fn secret(path: &Path, source: &Value) -> Errors {
    keyed(path, source, "secretName")
}

/// `configMap`.
pub fn config_map(path: &Path, source: &Value) -> Errors {
    keyed(path, source, "name")
}

/// `downwardAPI`. Errors of its files name the volume: that is upstream's.
pub fn downward_api(path: &Path, source: &Value) -> Errors {
    let mut errors = validate_mode(path, source, "defaultMode");
    errors.extend(source.list_at("items").iter().flat_map(|file| validate_file(path, file)));
    errors
}

/// `projected`.
pub fn projected(path: &Path, source: &Value) -> Errors {
    let mut errors = validate_mode(path, source, "defaultMode");
    let mut taken = BTreeSet::new();
    for (at, one) in each(path, source, "sources") {
        errors.extend(validate_one(path, &at, one, &mut taken));
    }
    errors
}

fn keyed(path: &Path, source: &Value, name: &str) -> Errors {
    let mut errors = Vec::new();
    if source.str_at(name).is_empty() {
        errors.push(Error::required(&path.child(name), ""));
    }
    errors.extend(validate_mode(path, source, "defaultMode"));
    errors.extend(each(path, source, "items").flat_map(|(at, item)| validate_item(&at, item)));
    errors
}

fn validate_item(path: &Path, item: &Value) -> Errors {
    let mut errors = Vec::new();
    for name in ["key", "path"] {
        if item.str_at(name).is_empty() {
            errors.push(Error::required(&path.child(name), ""));
        }
    }
    errors.extend(validate_not_reserved(&path.child("path"), item.str_at("path")));
    errors.extend(validate_mode(path, item, "mode"));
    errors
}

fn validate_file(path: &Path, file: &Value) -> Errors {
    let mut errors = Vec::new();
    if file.str_at("path").is_empty() {
        errors.push(Error::required(&path.child("path"), ""));
    }
    errors.extend(validate_not_reserved(&path.child("path"), file.str_at("path")));
    match (member(file, "fieldRef"), member(file, "resourceFieldRef")) {
        (Some(field), resource) => {
            errors.extend(env::validate_field_ref(&path.child("fieldRef"), field, FILE_FIELDS));
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(Error::invalid(path, "resource", detail));
            }
        }
        (None, Some(resource)) => {
            errors.extend(env::validate_resource_ref(&path.child("resourceFieldRef"), resource, Place::File));
        }
        (None, None) => errors.push(Error::required(path, "one of fieldRef and resourceFieldRef is required")),
    }
    errors.extend(validate_mode(path, file, "mode"));
    errors
}

/// One of the sources of a projected volume at `at`. `taken` are the paths that have files already.
fn validate_one<'a>(volume: &Path, at: &Path, source: &'a Value, taken: &mut BTreeSet<&'a str>) -> Errors {
    let mut errors = Vec::new();
    let mut count = 0;
    for name in ["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate"] {
        let Some(one) = member(source, name) else { continue };
        count += 1;
        let at = at.child(name);
        match name {
            "secret" | "configMap" => errors.extend(validate_keyed_projection(volume, &at, one, taken)),
            "downwardAPI" => {
                for file in one.list_at("items") {
                    errors.extend(validate_file(&at, file));
                    errors.extend(take(volume, file.str_at("path"), file.str_at("path"), taken));
                }
            }
            "serviceAccountToken" => errors.extend(validate_token(volume, &at, one)),
            "clusterTrustBundle" => {
                errors.extend(validate_trust_bundle(&at, one));
                errors.extend(take(volume, one.str_at("path"), one.str_at("path"), taken));
            }
            _ => errors.extend(validate_certificate(&at, one)),
        }
    }
    if count > 1 {
        errors.push(Error::forbidden(at, "may not specify more than 1 volume type"));
    }
    errors
}

fn validate_keyed_projection<'a>(
    volume: &Path,
    path: &Path,
    source: &'a Value,
    taken: &mut BTreeSet<&'a str>,
) -> Errors {
    let mut errors = Vec::new();
    if source.str_at("name").is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    for (at, item) in each(path, source, "items") {
        errors.extend(validate_item(&at, item));
        errors.extend(take(volume, item.str_at("path"), source.str_at("name"), taken));
    }
    errors
}

fn take<'a>(volume: &Path, file: &'a str, shown: &str, taken: &mut BTreeSet<&'a str>) -> Errors {
    if file.is_empty() || taken.insert(file) { Vec::new() } else { vec![Error::invalid(volume, shown, CONFLICT)] }
}

fn validate_token(volume: &Path, path: &Path, token: &Value) -> Errors {
    let mut errors = Vec::new();
    let seconds = token.i64_at("expirationSeconds").unwrap_or(0);
    let at = path.child("expirationSeconds");
    if seconds < TOKEN_SECONDS_MIN {
        errors.push(Error::invalid(&at, seconds, "may not specify a duration less than 10 minutes"));
    }
    if seconds > TOKEN_SECONDS_MAX {
        errors.push(Error::invalid(&at, seconds, "may not specify a duration larger than 2^32 seconds"));
    }
    match token.str_at("path") {
        "" => errors.push(Error::required(&volume.child("path"), "")),
        file => errors.extend(validate_not_reserved(&volume.child("path"), file)),
    }
    errors
}

fn validate_trust_bundle(path: &Path, bundle: &Value) -> Errors {
    let mut errors = Vec::new();
    match (bundle.at("name").and_then(Value::as_str), bundle.at("signerName").and_then(Value::as_str)) {
        (Some(_), Some(_)) => {
            errors.push(Error::invalid(path, bundle.clone(), "only one of name and signerName may be used"));
        }
        (Some(name), None) => {
            if name.is_empty() {
                errors.push(Error::required(&path.child("name"), "must be a valid object name"));
            }
            if let Some(labels) = member(bundle, "labelSelector") {
                let detail = "labelSelector must be unset if name is specified";
                errors.push(Error::invalid(&path.child("labelSelector"), labels.clone(), detail));
            }
        }
        (None, Some(signer)) => {
            if signer.is_empty() {
                errors.push(Error::required(&path.child("signerName"), "must be a valid signer name"));
            }
            errors.extend(selector::validate(&path.child("labelSelector"), bundle.at("labelSelector")));
        }
        (None, None) => errors.push(Error::required(path, "either name or signerName must be specified")),
    }
    if bundle.str_at("path").is_empty() {
        errors.push(Error::required(&path.child("path"), ""));
    }
    errors.extend(validate_not_reserved(&path.child("path"), bundle.str_at("path")));
    errors
}

fn validate_certificate(path: &Path, certificate: &Value) -> Errors {
    let files = ["credentialBundlePath", "keyPath", "certificateChainPath"];
    let mut errors = Vec::new();
    if !files.iter().any(|name| is_given(certificate.at(name))) {
        errors.push(Error::required(
            path,
            "specify at least one of credentialBundlePath, keyPath, and certificateChainPath",
        ));
    }
    for name in files {
        errors.extend(validate_not_reserved(&path.child(name), certificate.str_at(name)));
    }
    errors
}
