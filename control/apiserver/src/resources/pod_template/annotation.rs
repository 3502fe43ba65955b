//! Annotations that pods give a meaning to: profiles of old, and the cost of a pod's deletion.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::file_path::validate_descending;
use crate::resources::pod_template::pod_security::visit_order;
use crate::validation::{each, entries};

/// Marks the API's image of a pod that a node runs from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Whether a pod stands for one that its node runs from a file.
pub fn is_mirror(pod: &Value) -> bool {
    pod.at("metadata.annotations").is_some_and(|annotations| annotations.get(MIRROR).is_some())
}

/// Annotations of a pod or of a template, `path` being the annotations' (`ValidatePodSpecificAnnotations`).
pub fn validate(path: &Path, annotations: Option<&Value>, spec: &Value) -> Errors {
    let mut errors = Vec::new();
    let text = |name: &str| annotations.and_then(|a| a.get(name)).and_then(Value::as_str);
    if let Some(mirror) = text(MIRROR).filter(|_| spec.str_at("nodeName").is_empty()) {
        errors.push(Error::invalid(
            &path.key(MIRROR),
            mirror,
            "must set spec.nodeName if mirror pod annotation is set",
        ));
    }
    for (key, value) in entries(annotations) {
        let value = value.as_str().unwrap_or_default();
        if key == SECCOMP_POD || key.starts_with(SECCOMP_CONTAINER) {
            errors.extend(validate_seccomp(&path.child(key), value));
        }
    }
    for (key, value) in entries(annotations) {
        let Some(container) = key.strip_prefix(APP_ARMOR) else { continue };
        let value = value.as_str().unwrap_or_default();
        let known = visit_order().iter().flat_map(|list| spec.list_at(list)).any(|c| c.str_at("name") == container);
        if !known {
            errors.push(Error::invalid(&path.key(key), container, "container not found"));
        }
        if !matches!(value, "" | "runtime/default" | "unconfined") && !value.starts_with("localhost/") {
            let detail = format!("invalid AppArmor profile name: {}", crate::field::quote(value));
            errors.push(Error::invalid(&path.key(key), value, &detail));
        }
    }
    if let Some(cost) = text(DELETION_COST)
        && cost.parse::<i32>().is_err()
    {
        errors.push(Error::invalid(&path.key(DELETION_COST), cost, "must be a 32bit integer"));
    }
    errors
}

/// Annotations that stay as they were made; `path` is the annotations'.
pub fn validate_update(path: &Path, new: &Value, old: &Value) -> Errors {
    let (new, old) = (new.at("metadata.annotations"), old.at("metadata.annotations"));
    let fixed = |key: &str| match key {
        MIRROR => Some("mirror pod annotation"),
        _ if key.starts_with(APP_ARMOR) => Some("AppArmor annotations"),
        _ => None,
    };
    let mut errors = Vec::new();
    for (key, value) in entries(old) {
        let changed = new.and_then(|a| a.get(key)) != Some(value);
        if let Some(what) = fixed(key).filter(|_| changed) {
            errors.push(Error::forbidden(&path.key(key), &format!("may not remove or update {what}")));
        }
    }
    for (key, _) in entries(new) {
        let added = old.and_then(|a| a.get(key)).is_none();
        if let Some(what) = fixed(key).filter(|_| added) {
            errors.push(Error::forbidden(&path.key(key), &format!("may not add {what}")));
        }
    }
    errors
}

/// Profiles that stand both in an annotation and in a field must agree when a pod is made.
pub fn validate_match(path: &Path, annotations: Option<&Value>, spec: &Value) -> Errors {
    let text = |name: &str| annotations.and_then(|a| a.get(name)).and_then(Value::as_str);
    let mut errors = Vec::new();
    let at = path.child("securityContext").child("seccompProfile");
    errors.extend(mismatch(&at, "seccomp", text(SECCOMP_POD), spec.at("securityContext.seccompProfile")));
    for list in visit_order() {
        for (at, container) in each(path, spec, list) {
            let annotation = text(&format!("{SECCOMP_CONTAINER}{}", container.str_at("name")));
            let field = container.at("securityContext.seccompProfile");
            errors.extend(mismatch(&at.child("securityContext").child("seccompProfile"), "seccomp", annotation, field));
        }
    }
    if spec.str_at("os.name") == "windows" {
        return errors;
    }
    for list in visit_order() {
        for (at, container) in each(path, spec, list) {
            let annotation = text(&format!("{APP_ARMOR}{}", container.str_at("name")));
            let field =
                container.at("securityContext.appArmorProfile").or_else(|| spec.at("securityContext.appArmorProfile"));
            errors.extend(mismatch(
                &at.child("securityContext").child("appArmorProfile"),
                "apparmor",
                annotation,
                field,
            ));
        }
    }
    errors
}

fn mismatch(path: &Path, what: &str, annotation: Option<&str>, profile: Option<&Value>) -> Option<Error> {
    let (annotation, profile) = (annotation?, profile?);
    let agrees = match profile.str_at("type") {
        "Unconfined" => annotation == "unconfined",
        "RuntimeDefault" => matches!(annotation, "runtime/default" | "docker/default"),
        "Localhost" => match annotation.strip_prefix("localhost/") {
            Some(file) if file == profile.str_at("localhostProfile") => true,
            Some(_) => {
                let detail = format!("{what} profile in annotation and field must match");
                return Some(Error::forbidden(&path.child("localhostProfile"), &detail));
            }
            None => false,
        },
        _ => true,
    };
    let detail = format!("{what} type in annotation and field must match");
    (!agrees).then(|| Error::forbidden(&path.child("type"), &detail))
}

fn validate_seccomp(path: &Path, profile: &str) -> Errors {
    if matches!(profile, "runtime/default" | "docker/default" | "unconfined") {
        return Vec::new();
    }
    match profile.strip_prefix("localhost/") {
        Some(file) => validate_descending(path, file),
        None => vec![Error::invalid(path, profile, "must be a valid seccomp profile")],
    }
}
