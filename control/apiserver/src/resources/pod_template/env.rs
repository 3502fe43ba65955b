//! Variables of a container: `env`, `envFrom`, and the field references that volumes use too.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{check, each, member, names};

const ONE_ONLY: &str = "may not have more than one field specified at a time";

/// Fields of a pod that a variable can show.
const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields of a pod that a file can show.
pub const FILE_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// All fields that the downward API knows of.
const KNOWN_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

const CPU_DIVISORS: &[&str] = &["1m", "1"];
const BYTE_DIVISORS: &[&str] = &["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/// `env` of a container.
pub fn validate(path: &Path, container: &Value) -> Errors {
    let mut errors = Vec::new();
    for (at, variable) in each(path, container, "env") {
        match variable.str_at("name") {
            "" => errors.push(Error::required(&at.child("name"), "")),
            name => errors.extend(check(&at.child("name"), name, names::env_var_name)),
        }
        if let Some(source) = member(variable, "valueFrom") {
            errors.extend(validate_source(&at.child("valueFrom"), source, !variable.str_at("value").is_empty()));
        }
    }
    errors
}

/// `envFrom` of a container. Errors about the number of sources name the list, not the element.
pub fn validate_from(path: &Path, container: &Value) -> Errors {
    let mut errors = Vec::new();
    for (at, variables) in each(path, container, "envFrom") {
        let prefix = variables.str_at("prefix");
        if !prefix.is_empty() {
            errors.extend(check(&at.child("prefix"), prefix, names::env_var_name));
        }
        let mut count = 0;
        for name in ["configMapRef", "secretRef"] {
            let Some(reference) = member(variables, name) else { continue };
            count += 1;
            let at = at.child(name).child("name");
            match reference.str_at("name") {
                "" => errors.push(Error::required(&at, "")),
                name => errors.extend(check(&at, name, names::dns_subdomain)),
            }
        }
        let list = path.child("envFrom");
        match count {
            0 => errors.push(Error::invalid(&list, "", "must specify one of: `configMapRef` or `secretRef`")),
            1 => {}
            _ => errors.push(Error::invalid(&list, "", ONE_ONLY)),
        }
    }
    errors
}

/// A `fieldRef`; `supported` are the fields this place can show.
pub fn validate_field_ref(path: &Path, reference: &Value, supported: &[&str]) -> Errors {
    let at = path.child("fieldPath");
    let field = reference.str_at("fieldPath");
    if reference.str_at("apiVersion").is_empty() {
        return vec![Error::required(&path.child("apiVersion"), "")];
    }
    if field.is_empty() {
        return vec![Error::required(&at, "")];
    }
    let refused = |why: String| vec![Error::invalid(&at, field, &format!("error converting fieldPath: {why}"))];
    if reference.str_at("apiVersion") != "v1" {
        return refused(format!("unsupported pod version: {}", reference.str_at("apiVersion")));
    }
    match subscript(field) {
        Some(("metadata.annotations", key)) => names::qualified_name(&key.to_lowercase())
            .iter()
            .map(|f| Error::invalid(path, key.to_lowercase(), f))
            .collect(),
        Some(("metadata.labels", key)) => check(path, key, names::qualified_name),
        Some(_) => refused(format!("field label does not support subscript: {field}")),
        None if supported.contains(&field) => Vec::new(),
        // The old name of the node's field.
        None if field == "spec.host" && supported.contains(&"spec.nodeName") => Vec::new(),
        None if KNOWN_FIELDS.contains(&field) => vec![Error::not_supported(&at, field, supported)],
        None => refused(format!("field label not supported: {field}")),
    }
}

/// Where a `resourceFieldRef` stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a variable: the container is the variable's own.
    Variable,
    /// In a file: the container must be named.
    File,
}

/// A `resourceFieldRef`.
pub fn validate_resource_ref(path: &Path, reference: &Value, place: Place) -> Errors {
    let mut errors = Vec::new();
    let resource = reference.str_at("resource");
    let huge_pages = resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
    if place == Place::File && reference.str_at("containerName").is_empty() {
        errors.push(Error::required(&path.child("containerName"), ""));
    } else if resource.is_empty() {
        errors.push(Error::required(&path.child("resource"), ""));
    } else if !RESOURCES.contains(&resource) && !huge_pages {
        errors.push(Error::not_supported(&path.child("resource"), resource, RESOURCES));
    }
    let divisor = reference.str_at("divisor");
    let (allowed, kind) = match resource {
        "limits.cpu" | "requests.cpu" => (CPU_DIVISORS, "cpu"),
        "limits.memory" | "requests.memory" => (BYTE_DIVISORS, "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (BYTE_DIVISORS, "local ephemeral storage"),
        _ if huge_pages => (BYTE_DIVISORS, "hugepages"),
        _ => return errors,
    };
    if !matches!(divisor, "" | "0") && !allowed.contains(&divisor) {
        let list = if kind == "cpu" { "1m and 1".to_owned() } else { BYTE_DIVISORS.join(", ") };
        let detail = format!("only divisor's values {list} are supported with the {kind} resource");
        errors.push(Error::invalid(&path.child("divisor"), resource, &detail));
    }
    errors
}

fn validate_source(path: &Path, source: &Value, has_value: bool) -> Errors {
    let mut errors = Vec::new();
    let mut count = 0;
    for name in ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"] {
        let Some(reference) = member(source, name) else { continue };
        count += 1;
        let at = path.child(name);
        errors.extend(match name {
            "fieldRef" => validate_field_ref(&at, reference, ENV_FIELDS),
            "resourceFieldRef" => validate_resource_ref(&at, reference, Place::Variable),
            "fileKeyRef" => validate_file_key(&at, reference),
            _ => validate_key(&at, reference),
        });
    }
    if count == 0 {
        let detail =
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        errors.push(Error::invalid(path, "", detail));
    } else if has_value {
        errors.push(Error::invalid(path, "", "may not be specified when `value` is not empty"));
    } else if count > 1 {
        errors.push(Error::invalid(path, "", ONE_ONLY));
    }
    errors
}

fn validate_key(path: &Path, reference: &Value) -> Errors {
    let mut errors = check(&path.child("name"), reference.str_at("name"), names::dns_subdomain);
    match reference.str_at("key") {
        "" => errors.push(Error::required(&path.child("key"), "")),
        key => errors.extend(check(&path.child("key"), key, names::config_map_key)),
    }
    errors
}

fn validate_file_key(path: &Path, reference: &Value) -> Errors {
    let mut errors = Vec::new();
    for name in ["key", "volumeName", "path"] {
        if reference.str_at(name).is_empty() {
            errors.push(Error::required(&path.child(name), ""));
        }
    }
    errors
}

/// `metadata.labels['a']` in its two parts.
fn subscript(field: &str) -> Option<(&str, &str)> {
    field.strip_suffix("']")?.split_once("['")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn field_references_know_what_a_place_can_show() {
        let rows = [
            ("metadata.name", "v1", 0),
            ("metadata.labels['a']", "v1", 0),
            ("metadata.labels", "v1", 1),
            ("metadata.labels['a b']", "v1", 1),
            ("metadata.name['a']", "v1", 1),
            ("spec.dnsPolicy", "v1", 1),
            ("metadata.name", "v2", 1),
        ];
        for (field, version, count) in rows {
            let reference = json!({"fieldPath": field, "apiVersion": version});
            assert_eq!(validate_field_ref(&Path::new("f"), &reference, ENV_FIELDS).len(), count, "{field}");
        }
    }
}
