//! The pod's own security context, its namespaces of the host, and what its operating system excludes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::default::CONTAINER_LISTS;
use crate::resources::pod_template::security::{self, ID_MAX};
use crate::validation::{each, member, number, one_of};

const SYSCTL_BYTES_MAX: usize = 253;
const NET_SYSCTLS: &[&str] = &["net."];
const IPC_SYSCTLS: &[&str] = &["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."];

/// Fields of the pod that Windows does not have, in upstream's order, as 1.37 answers.
const NOT_ON_WINDOWS: &[&str] = &[
    "securityContext.appArmorProfile",
    "securityContext.seLinuxOptions",
    "hostUsers",
    "securityContext.seccompProfile",
    "securityContext.fsGroup",
    "securityContext.fsGroupChangePolicy",
    "securityContext.sysctls",
    "securityContext.runAsUser",
    "securityContext.runAsGroup",
    "securityContext.supplementalGroups",
    "securityContext.supplementalGroupsPolicy",
    "securityContext.seLinuxChangePolicy",
    "hostPID",
    "hostIPC",
    "shareProcessNamespace",
];

/// Fields of a container's security context that Windows does not have.
const NOT_IN_WINDOWS_CONTAINERS: &[&str] = &[
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

/// `securityContext` of the pod.
pub fn validate(path: &Path, spec: &Value) -> Errors {
    let at = path.child("securityContext");
    let Some(context) = member(spec, "securityContext") else { return Vec::new() };
    let mut errors = Vec::new();
    for name in ["fsGroup", "runAsUser", "runAsGroup"] {
        errors.extend(number::in_range(&at.child(name), context.i64_at(name), 0, ID_MAX));
    }
    for (at, group) in each(&at, context, "supplementalGroups") {
        errors.extend(number::in_range(&at, group.as_i64(), 0, ID_MAX));
    }
    if spec.bool_at("hostPID") && spec.bool_at("shareProcessNamespace") {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(Error::invalid(&path.child("shareProcessNamespace"), true, detail));
    }
    errors.extend(validate_sysctls(&at, context, spec));
    let policies: [(&str, &[&str]); 3] = [
        ("fsGroupChangePolicy", &["Always", "OnRootMismatch"]),
        ("supplementalGroupsPolicy", &["Merge", "Strict"]),
        ("seLinuxChangePolicy", &["MountOption", "Recursive"]),
    ];
    let policy = |(name, supported): (&str, &[&str])| {
        let text = context.at(name).and_then(Value::as_str);
        text.map(|text| one_of(&at.child(name), text, supported)).unwrap_or_default()
    };
    errors.extend(policy(policies[0]));
    errors.extend(security::validate_seccomp(&at.child("seccompProfile"), member(context, "seccompProfile")));
    errors.extend(security::validate_windows(&at.child("windowsOptions"), member(context, "windowsOptions")));
    errors.extend(security::validate_app_armor(&at.child("appArmorProfile"), member(context, "appArmorProfile")));
    errors.extend(policy(policies[1]));
    errors.extend(policy(policies[2]));
    errors
}

/// A pod with its own user namespace shares no other namespace with the host.
pub fn validate_host_users(path: &Path, spec: &Value) -> Errors {
    if spec.at("hostUsers") != Some(&Value::Bool(false)) {
        return Vec::new();
    }
    // The capital letters are upstream's.
    [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")]
        .into_iter()
        .filter(|(name, _)| spec.bool_at(name))
        .map(|(_, shown)| Error::forbidden(&path.child(shown), "when `hostUsers` is false"))
        .collect()
}

/// Containers that run as processes of a Windows host: all or none, and on the host's network.
pub fn validate_host_process(path: &Path, spec: &Value) -> Errors {
    let own = |value: &Value| value.at("securityContext.windowsOptions.hostProcess").and_then(Value::as_bool);
    let of_pod = own(spec);
    let containers = CONTAINER_LISTS.iter().flat_map(|list| spec.list_at(list));
    let flags: Vec<bool> = containers.map(|container| own(container).or(of_pod).unwrap_or(false)).collect();
    let mut errors = Vec::new();
    if !flags.contains(&true) {
        return errors;
    }
    if flags.contains(&false) {
        let detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.push(Error::invalid(path, "", detail));
    }
    if !spec.bool_at("hostNetwork") {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.push(Error::invalid(&path.child("hostNetwork"), false, detail));
    }
    errors
}

/// `os`, and the fields that it excludes.
pub fn validate_os(path: &Path, spec: &Value) -> Errors {
    let Some(os) = member(spec, "os") else { return Vec::new() };
    match os.str_at("name") {
        "" => vec![Error::required(&path.child("os").child("name"), "")],
        "linux" => validate_linux(path, spec),
        "windows" => validate_windows(path, spec),
        other => vec![Error::not_supported(&path.child("os"), other, &["linux", "windows"])],
    }
}

fn validate_linux(path: &Path, spec: &Value) -> Errors {
    let of = |at: &Path, value: &Value| {
        value.at("securityContext.windowsOptions").filter(|o| !o.is_null()).map(|_| {
            let at = at.child("securityContext").child("windowsOptions");
            Error::forbidden(&at, "windows options cannot be set for a linux pod")
        })
    };
    let mut errors: Errors = of(path, spec).into_iter().collect();
    for list in visit_order() {
        errors.extend(each(path, spec, list).filter_map(|(at, container)| of(&at, container)));
    }
    errors
}

fn validate_windows(path: &Path, spec: &Value) -> Errors {
    const DETAIL: &str = "cannot be set for a windows pod";
    let is_set = |value: &Value| match value {
        Value::Null => false,
        // `hostPID: false` is as good as absent, `shareProcessNamespace: false` is not.
        Value::Array(list) => !list.is_empty(),
        _ => true,
    };
    let mut errors = Vec::new();
    for name in NOT_ON_WINDOWS {
        let given = match *name {
            "hostPID" | "hostIPC" => spec.bool_at(name),
            _ => spec.at(name).is_some_and(is_set),
        };
        if given {
            errors.push(Error::forbidden(&path.child(name), DETAIL));
        }
    }
    for list in visit_order() {
        for (at, container) in each(path, spec, list) {
            let Some(context) = member(container, "securityContext") else { continue };
            for name in NOT_IN_WINDOWS_CONTAINERS {
                if context.at(name).is_some_and(is_set) {
                    errors.push(Error::forbidden(&at.child("securityContext").child(name), DETAIL));
                }
            }
        }
    }
    errors
}

/// The lists of containers in the order of upstream's visitor.
pub fn visit_order() -> [&'static str; 3] {
    ["initContainers", "containers", "ephemeralContainers"]
}

fn validate_sysctls(path: &Path, context: &Value, spec: &Value) -> Errors {
    const DETAIL: &str = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, sysctl) in each(path, context, "sysctls") {
        let (at, name) = (at.child("name"), sysctl.str_at("name"));
        if name.is_empty() {
            errors.push(Error::required(&at, ""));
        } else if !is_sysctl(name) {
            errors.push(Error::invalid(&at, name, DETAIL));
        } else if seen.contains(name) {
            errors.push(Error::duplicate(&at, name));
        }
        seen.insert(name);
        let dotted = name.replace('/', ".");
        let within = |prefixes: &[&str]| prefixes.iter().any(|prefix| dotted.starts_with(prefix));
        if spec.bool_at("hostNetwork") && within(NET_SYSCTLS) {
            errors.push(Error::invalid(&at, name, "may not be specified when 'hostNetwork' is true"));
        } else if spec.bool_at("hostIPC") && within(IPC_SYSCTLS) {
            errors.push(Error::invalid(&at, name, "may not be specified when 'hostIPC' is true"));
        }
    }
    errors
}

fn is_sysctl(name: &str) -> bool {
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let segment = |text: &str| {
        let bytes = text.as_bytes();
        bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge)
            && bytes.iter().all(|b| edge(b) || matches!(b, b'-' | b'_'))
    };
    name.len() <= SYSCTL_BYTES_MAX && name.split(['.', '/']).all(segment)
}
