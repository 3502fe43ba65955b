//! Where a container sees the volumes of its pod: as directories and as block devices.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::file_path::{validate_descending, validate_no_backsteps};
use crate::resources::pod_template::volume::Volumes;
use crate::validation::{each, member, one_of};

/// `volumeMounts`. Errors of `subPath`, `mountPropagation` and the like name the list: that is upstream's.
pub fn validate_mounts(path: &Path, container: &Value, volumes: &Volumes<'_>) -> Errors {
    let list = path.child("volumeMounts");
    let devices = container.list_at("volumeDevices");
    let mut errors = Vec::new();
    let mut paths = BTreeSet::new();
    for (at, mount) in each(path, container, "volumeMounts") {
        let (name, mount_path) = (mount.str_at("name"), mount.str_at("mountPath"));
        errors.extend(validate_name(&at, name, volumes));
        if mount_path.is_empty() {
            errors.push(Error::required(&at.child("mountPath"), ""));
        }
        if !paths.insert(mount_path) {
            errors.push(Error::invalid(&at.child("mountPath"), mount_path, "must be unique"));
        }
        if devices.iter().any(|device| device.str_at("name") == name) {
            errors.push(Error::invalid(&at.child("name"), name, "must not already exist in volumeDevices"));
        }
        if devices.iter().any(|device| device.str_at("devicePath") == mount_path) {
            let detail = "must not already exist as a path in volumeDevices";
            errors.push(Error::invalid(&at.child("mountPath"), mount_path, detail));
        }
        errors.extend(validate_sub_path(&list, &at, mount));
        errors.extend(validate_propagation(&list.child("mountPropagation"), mount, container));
        errors.extend(validate_read_only(&list.child("recursiveReadOnly"), mount));
    }
    errors
}

/// `volumeDevices`.
pub fn validate_devices(path: &Path, container: &Value, volumes: &Volumes<'_>) -> Errors {
    let mounts = container.list_at("volumeMounts");
    let mut errors = Vec::new();
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for (at, device) in each(path, container, "volumeDevices") {
        let (name, device_path) = (device.str_at("name"), device.str_at("devicePath"));
        if name.is_empty() {
            errors.push(Error::required(&at.child("name"), ""));
        }
        if !names.insert(name) {
            errors.push(Error::invalid(&at.child("name"), name, "must be unique"));
        }
        match volumes.get(name) {
            None => errors.push(Error::not_found(&at.child("name"), name)),
            Some(volume) if member(volume, "persistentVolumeClaim").or(member(volume, "ephemeral")).is_none() => {
                let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.push(Error::invalid(&at.child("name"), name, detail));
            }
            Some(_) => {}
        }
        let path_at = at.child("devicePath");
        if device_path.is_empty() {
            errors.push(Error::required(&path_at, ""));
        }
        if !paths.insert(device_path) {
            errors.push(Error::invalid(&path_at, device_path, "must be unique"));
        }
        if !validate_no_backsteps(&path_at, device_path).is_empty() {
            errors.push(Error::invalid(&path_at, device_path, "can not contain backsteps ('..')"));
        }
        if mounts.iter().any(|mount| mount.str_at("name") == name) {
            errors.push(Error::invalid(&at.child("name"), name, "must not already exist in volumeMounts"));
        }
        if mounts.iter().any(|mount| mount.str_at("mountPath") == device_path) {
            let detail = "must not already exist as a path in volumeMounts";
            errors.push(Error::invalid(&path_at, device_path, detail));
        }
    }
    errors
}

fn validate_name(path: &Path, name: &str, volumes: &Volumes<'_>) -> Errors {
    let mut errors = Vec::new();
    if name.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    if !volumes.contains_key(name) {
        errors.push(Error::not_found(&path.child("name"), name));
    }
    errors
}

fn validate_sub_path(list: &Path, path: &Path, mount: &Value) -> Errors {
    let mut errors = Vec::new();
    let (fixed, expression) = (mount.str_at("subPath"), mount.str_at("subPathExpr"));
    if !fixed.is_empty() {
        errors.extend(validate_descending(&list.child("subPath"), fixed));
    }
    if !expression.is_empty() {
        if !fixed.is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            errors.push(Error::invalid(&path.child("subPathExpr"), expression, detail));
        }
        errors.extend(validate_descending(&list.child("subPathExpr"), expression));
    }
    errors
}

fn validate_propagation(path: &Path, mount: &Value, container: &Value) -> Errors {
    let Some(propagation) = mount.at("mountPropagation").and_then(Value::as_str) else { return Vec::new() };
    let errors = one_of(path, propagation, &["Bidirectional", "HostToContainer", "None"]);
    if propagation == "Bidirectional" && !container.bool_at("securityContext.privileged") {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        return vec![Error::forbidden(path, detail)];
    }
    errors
}

fn validate_read_only(path: &Path, mount: &Value) -> Errors {
    let Some(mode) = mount.at("recursiveReadOnly").and_then(Value::as_str) else { return Vec::new() };
    let mut errors = Vec::new();
    match mode {
        "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !mount.bool_at("readOnly") {
                errors.push(Error::forbidden(path, "may only be specified when readOnly is true"));
            }
            if !matches!(mount.str_at("mountPropagation"), "" | "None") {
                let detail = "may only be specified when mountPropagation is None or not specified";
                errors.push(Error::forbidden(path, detail));
            }
        }
        other => errors.push(Error::not_supported(path, other, &["Disabled", "Enabled", "IfPossible"])),
    }
    errors
}
