//! The containers of a pod spec: what all have in common, and what init and ephemeral ones may not have.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::volume::Volumes;
use crate::resources::pod_template::{env, port, probe, resources, security, volume_mount};
use crate::validation::{check, each, member, names, one_of};

/// What the checks of a container need to know of its pod.
pub struct Pod<'a> {
    /// The spec.
    pub spec: &'a Value,
    /// Its valid volumes.
    pub volumes: &'a Volumes<'a>,
}

/// `containers`.
pub fn validate_regular(path: &Path, pod: &Pod<'_>) -> Errors {
    let at = path.child("containers");
    if pod.spec.list_at("containers").is_empty() {
        return vec![Error::required(&at, "")];
    }
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, container) in each(path, pod.spec, "containers") {
        errors.extend(validate_common(&at, container, pod));
        if !seen.insert(container.str_at("name")) {
            errors.push(Error::duplicate(&at.child("name"), container.str_at("name")));
        }
        errors.extend(probe::validate_all(&at, container, pod.grace_seconds()));
        errors.extend(validate_restart(&at, container));
    }
    errors.extend(port::validate_host_ports(each(path, pod.spec, "containers")));
    errors
}

/// `initContainers`; those with restart policy Always are sidecars and may have probes.
pub fn validate_init(path: &Path, pod: &Pod<'_>) -> Errors {
    let mut errors = Vec::new();
    let mut seen: BTreeSet<&str> = pod.spec.list_at("containers").iter().map(|c| c.str_at("name")).collect();
    for (at, container) in each(path, pod.spec, "initContainers") {
        errors.extend(validate_common(&at, container, pod));
        errors.extend(validate_restart(&at, container));
        let name = container.str_at("name");
        if !name.is_empty() && !seen.insert(name) {
            errors.push(Error::duplicate(&at.child("name"), name));
        }
        errors.extend(port::validate_host_ports(std::iter::once((at.clone(), container))));
        errors.extend(if is_sidecar(container) {
            probe::validate_all(&at, container, pod.grace_seconds())
        } else {
            probe::forbid_all(&at, container)
        });
    }
    errors
}

/// `ephemeralContainers`.
pub fn validate_ephemeral(path: &Path, pod: &Pod<'_>) -> Errors {
    const DETAIL: &str = "cannot be set for an Ephemeral Container";
    /// Upstream lists what is allowed; these are the other fields, in the order of the Go struct.
    const FORBIDDEN: &[&str] = &[
        "ports",
        "resizePolicy",
        "restartPolicy",
        "restartPolicyRules",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
    ];
    let others: BTreeSet<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| pod.spec.list_at(list))
        .map(|container| container.str_at("name"))
        .collect();
    let mut seen = others.clone();
    let mut errors = Vec::new();
    for (at, container) in each(path, pod.spec, "ephemeralContainers") {
        errors.extend(validate_common(&at, container, pod));
        errors.extend(validate_image_of_pod(&at, container));
        if !seen.insert(container.str_at("name")) {
            errors.push(Error::duplicate(&at.child("name"), container.str_at("name")));
        }
        let target = container.str_at("targetContainerName");
        if !target.is_empty() && !others.contains(target) {
            errors.push(Error::not_found(&at.child("targetContainerName"), target));
        }
        for name in FORBIDDEN {
            if *name == "resizePolicy" && crate::validation::is_given(container.at("resources")) {
                errors.push(Error::forbidden(&at.child("resources"), DETAIL));
            }
            if crate::validation::is_given(container.at(name)) {
                errors.push(Error::forbidden(&at.child(name), DETAIL));
            }
        }
        for (at, mount) in each(&at, container, "volumeMounts") {
            for name in ["subPath", "subPathExpr"] {
                if !mount.str_at(name).is_empty() {
                    errors.push(Error::forbidden(&at.child(name), DETAIL));
                }
            }
        }
    }
    errors
}

/// What is checked of images in pods, not in templates (which may hold placeholders).
pub fn validate_image_of_pod(path: &Path, container: &Value) -> Errors {
    let image = container.str_at("image");
    if image.trim() == image {
        return Vec::new();
    }
    vec![Error::invalid(&path.child("image"), image, "must not have leading or trailing whitespace")]
}

/// Whether an init container runs beside the others.
pub fn is_sidecar(container: &Value) -> bool {
    container.str_at("restartPolicy") == "Always"
}

// === impl Pod ===

impl Pod<'_> {
    fn grace_seconds(&self) -> Option<i64> {
        self.spec.i64_at("terminationGracePeriodSeconds")
    }

    /// Whether the pod uses the host's user namespace.
    pub fn host_users(&self) -> bool {
        self.spec.at("hostUsers").and_then(Value::as_bool).unwrap_or(true)
    }
}

fn validate_common(path: &Path, container: &Value, pod: &Pod<'_>) -> Errors {
    let mut errors = match container.str_at("name") {
        "" => vec![Error::required(&path.child("name"), "")],
        name => check(&path.child("name"), name, names::dns_label),
    };
    if container.str_at("image").is_empty() {
        errors.push(Error::required(&path.child("image"), ""));
    }
    errors.extend(required_one_of(
        &path.child("terminationMessagePolicy"),
        container.str_at("terminationMessagePolicy"),
        &["File", "FallbackToLogsOnError"],
    ));
    errors.extend(port::validate(path, container));
    errors.extend(env::validate(path, container));
    errors.extend(env::validate_from(path, container));
    errors.extend(volume_mount::validate_mounts(path, container, pod.volumes));
    errors.extend(volume_mount::validate_devices(path, container, pod.volumes));
    errors.extend(required_one_of(
        &path.child("imagePullPolicy"),
        container.str_at("imagePullPolicy"),
        &["Always", "IfNotPresent", "Never"],
    ));
    errors.extend(resources::validate_container(&path.child("resources"), container, pod.spec));
    errors.extend(resources::validate_resize_policy(&path.child("resizePolicy"), container, pod.spec));
    if let Some(context) = member(container, "securityContext") {
        errors.extend(security::validate(&path.child("securityContext"), context, pod.host_users()));
    }
    errors
}

/// `restartPolicy` and `restartPolicyRules` of a container.
fn validate_restart(path: &Path, container: &Value) -> Errors {
    let mut errors = Vec::new();
    let rules = container.list_at("restartPolicyRules");
    match container.at("restartPolicy").and_then(Value::as_str) {
        Some(policy) => {
            errors.extend(one_of(&path.child("restartPolicy"), policy, &["Always", "Never", "OnFailure"]));
        }
        None if !rules.is_empty() => {
            errors.push(Error::required(
                &path.child("restartPolicy"),
                "must specify restartPolicy when restart rules are used",
            ));
        }
        None => {}
    }
    for (at, rule) in each(path, container, "restartPolicyRules") {
        errors.extend(one_of(&at.child("action"), rule.str_at("action"), &["Restart"]));
        match member(rule, "exitCodes") {
            None => errors.push(Error::required(&at.child("exitCodes"), "must be specified")),
            Some(codes) => {
                let at = at.child("exitCodes");
                errors.extend(one_of(&at.child("operator"), codes.str_at("operator"), &["In", "NotIn"]));
            }
        }
    }
    errors
}

/// An error unless `text` is given and one of `supported`.
pub fn required_one_of(path: &Path, text: &str, supported: &[&str]) -> Errors {
    if text.is_empty() { vec![Error::required(path, "")] } else { one_of(path, text, supported) }
}
