//! Security contexts of containers, and the profiles that pods have too.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::file_path::validate_descending;
use crate::validation::{check, member, names, number, one_of};

/// The highest user and group.
pub const ID_MAX: i64 = i32::MAX as i64;

const APP_ARMOR_PROFILE_BYTES_MAX: usize = 4095;
const GMSA_SPEC_BYTES_MAX: usize = 64 * 1024;
const WINDOWS_DOMAIN_BYTES_MAX: usize = 256;
const WINDOWS_USER_BYTES_MAX: usize = 104;
const PROFILE_TYPES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];

/// `securityContext` of a container.
pub fn validate(path: &Path, context: &Value, host_users: bool) -> Errors {
    let mut errors = number::in_range(&path.child("runAsUser"), context.i64_at("runAsUser"), 0, ID_MAX);
    errors.extend(number::in_range(&path.child("runAsGroup"), context.i64_at("runAsGroup"), 0, ID_MAX));
    if let Some(mount) = context.at("procMount").and_then(Value::as_str) {
        let at = path.child("procMount");
        errors.extend(one_of(&at, mount, &["Default", "Unmasked"]));
        if host_users && mount == "Unmasked" {
            errors.push(Error::invalid(&at, mount, "`hostUsers` must be false to use `Unmasked`"));
        }
    }
    errors.extend(validate_seccomp(&path.child("seccompProfile"), member(context, "seccompProfile")));
    if context.at("allowPrivilegeEscalation") == Some(&Value::Bool(false)) {
        let because = if context.bool_at("privileged") {
            Some("cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        } else if context.list_at("capabilities.add").iter().any(|c| c.as_str() == Some("CAP_SYS_ADMIN")) {
            Some("cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")
        } else {
            None
        };
        errors.extend(because.map(|detail| Error::invalid(path, context.clone(), detail)));
    }
    errors.extend(validate_windows(&path.child("windowsOptions"), member(context, "windowsOptions")));
    errors.extend(validate_app_armor(&path.child("appArmorProfile"), member(context, "appArmorProfile")));
    errors
}

/// `seccompProfile`.
pub fn validate_seccomp(path: &Path, profile: Option<&Value>) -> Errors {
    let Some(profile) = profile else { return Vec::new() };
    let kind = profile.str_at("type");
    let mut errors = match kind {
        "" => vec![Error::required(&path.child("type"), "type is required when seccompProfile is set")],
        _ => one_of(&path.child("type"), kind, PROFILE_TYPES),
    };
    let at = path.child("localhostProfile");
    match (kind, profile.at("localhostProfile").and_then(Value::as_str)) {
        ("Localhost", None) => errors.push(Error::required(&at, "must be set when seccomp type is Localhost")),
        ("Localhost", Some(file)) => errors.extend(validate_descending(&at, file)),
        (_, Some(_)) => {
            errors.push(Error::invalid(&at, profile.clone(), "can only be set when seccomp type is Localhost"));
        }
        (_, None) => {}
    }
    errors
}

/// `appArmorProfile`.
pub fn validate_app_armor(path: &Path, profile: Option<&Value>) -> Errors {
    let Some(profile) = profile else { return Vec::new() };
    let (kind, name) = (profile.str_at("type"), profile.at("localhostProfile").and_then(Value::as_str));
    let at = path.child("localhostProfile");
    match (kind, name) {
        ("Localhost", None | Some("")) => vec![Error::required(&at, "must be set when AppArmor type is Localhost")],
        ("Localhost", Some(name)) => {
            let mut errors = Vec::new();
            if name.trim() != name {
                errors.push(Error::invalid(&at, name, "must not be padded with whitespace"));
            }
            if name.len() > APP_ARMOR_PROFILE_BYTES_MAX {
                errors.push(Error::too_long(&at, APP_ARMOR_PROFILE_BYTES_MAX));
            }
            errors
        }
        ("RuntimeDefault" | "Unconfined", Some(name)) => {
            vec![Error::invalid(&at, name, "can only be set when AppArmor type is Localhost")]
        }
        ("RuntimeDefault" | "Unconfined", None) => Vec::new(),
        ("", _) => vec![Error::required(&path.child("type"), "type is required when appArmorProfile is set")],
        (other, _) => vec![Error::not_supported(&path.child("type"), other, PROFILE_TYPES)],
    }
}

/// `windowsOptions`.
pub fn validate_windows(path: &Path, options: Option<&Value>) -> Errors {
    let Some(options) = options else { return Vec::new() };
    let mut errors = Vec::new();
    if let Some(name) = options.at("gmsaCredentialSpecName").and_then(Value::as_str) {
        errors.extend(check(&path.child("gmsaCredentialSpecName"), name, names::dns_subdomain));
    }
    if let Some(spec) = options.at("gmsaCredentialSpec").and_then(Value::as_str) {
        let at = path.child("gmsaCredentialSpec");
        if spec.is_empty() {
            errors.push(Error::invalid(&at, spec, "gmsaCredentialSpec cannot be an empty string"));
        } else if spec.len() > GMSA_SPEC_BYTES_MAX {
            errors.push(Error::invalid(&at, spec, "gmsaCredentialSpec size must be under 64 KiB"));
        }
    }
    if let Some(name) = options.at("runAsUserName").and_then(Value::as_str) {
        let faults = windows_user(name);
        errors.extend(faults.iter().map(|fault| Error::invalid(&path.child("runAsUserName"), name, fault)));
    }
    errors
}

fn windows_user(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec!["runAsUserName cannot be an empty string".to_owned()];
    }
    if name.chars().any(char::is_control) {
        return vec!["runAsUserName cannot contain control characters".to_owned()];
    }
    let (domain, user) = name.split_once('\\').unwrap_or(("", name));
    if user.contains('\\') {
        return vec!["runAsUserName cannot contain more than one backslash".to_owned()];
    }
    let mut faults = Vec::new();
    if domain.len() >= WINDOWS_DOMAIN_BYTES_MAX {
        faults.push(format!("runAsUserName's Domain length must be under {WINDOWS_DOMAIN_BYTES_MAX} characters"));
    }
    if user.is_empty() {
        faults.push("runAsUserName's User cannot be empty".to_owned());
    } else if user.len() > WINDOWS_USER_BYTES_MAX {
        faults.push(format!("runAsUserName's User length must not be longer than {WINDOWS_USER_BYTES_MAX} characters"));
    }
    if !user.is_empty() && user.chars().all(|c| matches!(c, '.' | ' ')) {
        faults.push("runAsUserName's User cannot contain only periods or spaces".to_owned());
    }
    if user.contains(['"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']']) {
        faults.push(r#"runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#.to_owned());
    }
    faults
}
