//! Where the bytes of a PersistentVolume are: one of many sources, most of which pods know too.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::file_path::validate_no_backsteps;
use crate::resources::pod_template::volume_source as shared;
use crate::validation::{member, names};

/// Checks a source at its path.
type Check = fn(&Path, &Value) -> Errors;

/// The kinds of sources in the order in which upstream looks at them, each with its check.
const SOURCES: &[(&str, Check)] = &[
    ("hostPath", shared::host_path),
    ("gcePersistentDisk", shared::gce_disk),
    ("awsElasticBlockStore", shared::aws_disk),
    ("glusterfs", glusterfs),
    ("flocker", shared::flocker),
    ("nfs", shared::nfs),
    ("rbd", shared::rbd),
    ("quobyte", shared::quobyte),
    ("cephfs", shared::ceph_fs),
    ("iscsi", shared::iscsi),
    ("cinder", cinder),
    ("fc", shared::fibre_channel),
    ("flexVolume", shared::flex),
    ("azureFile", azure_file),
    ("vsphereVolume", shared::vsphere),
    ("photonPersistentDisk", shared::photon),
    ("portworxVolume", shared::portworx),
    ("azureDisk", shared::azure_disk),
    ("scaleIO", shared::scale_io),
    ("local", local),
    ("storageos", shared::storage_os),
    ("csi", csi),
];

/// The secrets that a CSI driver can be given.
const CSI_SECRETS: [&str; 5] = [
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
    "nodeStageSecretRef",
];

/// Exactly one source, and what it needs.
pub(super) fn validate(path: &Path, spec: &Value) -> Errors {
    let mut given = SOURCES.iter().filter_map(|(name, check)| Some((*name, check, member(spec, name)?)));
    let Some((name, check, source)) = given.next() else {
        return vec![Error::required(path, "must specify a volume type")];
    };
    let mut errors = check(&path.child(name), source);
    let second = "may not specify more than 1 volume type";
    errors.extend(given.map(|(name, _, _)| Error::forbidden(&path.child(name), second)));
    errors
}

/// Only what says where the bytes are.
pub(super) fn of(spec: &Value) -> Value {
    let given = SOURCES.iter().filter_map(|(name, _)| Some(((*name).to_owned(), member(spec, name)?.clone())));
    Value::Object(given.collect())
}

fn glusterfs(path: &Path, source: &Value) -> Errors {
    let mut errors = shared::glusterfs(path, source);
    if source.at("endpointsNamespace").and_then(Value::as_str) == Some("") {
        let fault = "if the endpointnamespace is set, it must be a valid namespace name";
        errors.push(Error::invalid(&path.child("endpointsNamespace"), "", fault));
    }
    errors
}

fn cinder(path: &Path, source: &Value) -> Errors {
    shared::cinder(path, source).into_iter().chain(secret(path, source, "secretRef")).collect()
}

fn azure_file(path: &Path, source: &Value) -> Errors {
    let mut errors = shared::azure_file(path, source);
    if source.at("secretNamespace").and_then(Value::as_str) == Some("") {
        errors.push(Error::required(&path.child("secretNamespace"), ""));
    }
    errors
}

fn local(path: &Path, source: &Value) -> Errors {
    match source.str_at("path") {
        "" => vec![Error::required(&path.child("path"), "")],
        text => validate_no_backsteps(&path.child("path"), text),
    }
}

fn csi(path: &Path, source: &Value) -> Errors {
    let at = path.child("driver");
    let mut errors = match source.str_at("driver") {
        "" => vec![Error::required(&at, "")],
        driver => {
            let mut faults = names::longer_than(driver, names::DNS_LABEL_BYTES_MAX, "characters");
            faults.extend(names::dns_subdomain(&driver.to_lowercase()));
            faults.iter().map(|fault| Error::invalid(&at, driver, fault)).collect()
        }
    };
    if source.str_at("volumeHandle").is_empty() {
        errors.push(Error::required(&path.child("volumeHandle"), ""));
    }
    errors.extend(CSI_SECRETS.iter().flat_map(|name| secret(path, source, name)));
    errors
}

/// A secret of a source is named in full.
fn secret(path: &Path, source: &Value, name: &str) -> Errors {
    let Some(reference) = member(source, name) else { return Errors::new() };
    let path = path.child(name);
    let missing = ["name", "namespace"].into_iter().filter(|field| reference.str_at(field).is_empty());
    missing.map(|field| Error::required(&path.child(field), "")).collect()
}
