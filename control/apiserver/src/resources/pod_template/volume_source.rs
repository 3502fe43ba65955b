//! Volumes that are places: directories, disks, claims, shares, images.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::file_path::{validate_descending, validate_no_backsteps};
use crate::validation::{entries, is_given, labels, member, names, number, one_of, quantity};

const ISCSI_PREFIXES: [&str; 3] = ["iqn", "eui", "naa"];
const LUN_MAX: i64 = 255;

/// `emptyDir`.
pub fn empty_dir(path: &Path, source: &Value) -> Errors {
    if source.at("sizeLimit").is_some_and(|limit| quantity::of(limit).is_negative()) {
        return vec![Error::forbidden(&path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity")];
    }
    Vec::new()
}

/// `hostPath`.
pub fn host_path(path: &Path, source: &Value) -> Errors {
    const TYPES: &[&str] =
        &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    let errors = require(path, source, &["path"]);
    if !errors.is_empty() {
        return errors;
    }
    let mut errors = validate_no_backsteps(&path.child("path"), source.str_at("path"));
    errors.extend(one_of(&path.child("type"), source.str_at("type"), TYPES));
    errors
}

/// `gitRepo`.
pub fn git_repo(path: &Path, source: &Value) -> Errors {
    let mut errors = require(path, source, &["repository"]);
    errors.extend(validate_descending(&path.child("directory"), source.str_at("directory")));
    errors
}

/// `gcePersistentDisk`.
pub fn gce_disk(path: &Path, source: &Value) -> Errors {
    // Errors have another name in their path: that is upstream's.
    let path = Path::new(&path.to_string().replace("gcePersistentDisk", "persistentDisk"));
    let mut errors = require(&path, source, &["pdName"]);
    errors.extend(number::in_range(&path.child("partition"), source.i64_at("partition"), 0, LUN_MAX));
    errors
}

/// `awsElasticBlockStore`.
pub fn aws_disk(path: &Path, source: &Value) -> Errors {
    let mut errors = require(path, source, &["volumeID"]);
    errors.extend(number::in_range(&path.child("partition"), source.i64_at("partition"), 0, LUN_MAX));
    errors
}

/// `nfs`.
pub fn nfs(path: &Path, source: &Value) -> Errors {
    let mut errors = require(path, source, &["server", "path"]);
    if !source.str_at("path").starts_with('/') {
        errors.push(Error::invalid(&path.child("path"), source.str_at("path"), "must be an absolute path"));
    }
    errors
}

/// `iscsi`.
pub fn iscsi(path: &Path, source: &Value) -> Errors {
    let mut errors = require(path, source, &["targetPortal", "iqn"]);
    let iqn = source.str_at("iqn");
    if !iqn.is_empty() && !ISCSI_PREFIXES.iter().any(|prefix| iqn.starts_with(prefix)) {
        let detail = "must be valid format starting with iqn, eui, or naa";
        errors.push(Error::invalid(&path.child("iqn"), iqn, detail));
    }
    errors.extend(number::in_range(&path.child("lun"), source.i64_at("lun"), 0, LUN_MAX));
    let authenticates = source.bool_at("chapAuthDiscovery") || source.bool_at("chapAuthSession");
    if authenticates && member(source, "secretRef").is_none() {
        errors.push(Error::required(&path.child("secretRef"), ""));
    }
    errors
}

/// `glusterfs`.
pub fn glusterfs(path: &Path, source: &Value) -> Errors {
    require(path, source, &["endpoints", "path"])
}

/// `flocker`.
pub fn flocker(path: &Path, source: &Value) -> Errors {
    match (source.str_at("datasetName"), source.str_at("datasetUUID")) {
        ("", "") => vec![Error::required(path, "one of datasetName and datasetUUID is required")],
        ("", _) | (_, "") => Vec::new(),
        _ => vec![Error::invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")],
    }
}

/// `persistentVolumeClaim`. Whether a claim can have the name is not asked.
pub fn claim(path: &Path, source: &Value) -> Errors {
    require(path, source, &["claimName"])
}

/// `rbd`.
pub fn rbd(path: &Path, source: &Value) -> Errors {
    let mut errors = Vec::new();
    if source.list_at("monitors").is_empty() {
        errors.push(Error::required(&path.child("monitors"), ""));
    }
    errors.extend(require(path, source, &["image"]));
    errors
}

/// `cinder`.
pub fn cinder(path: &Path, source: &Value) -> Errors {
    require(path, source, &["volumeID"])
}

/// `cephfs`.
pub fn ceph_fs(path: &Path, source: &Value) -> Errors {
    if source.list_at("monitors").is_empty() { vec![Error::required(&path.child("monitors"), "")] } else { Vec::new() }
}

/// `quobyte`.
pub fn quobyte(path: &Path, source: &Value) -> Errors {
    let mut errors = Vec::new();
    if source.str_at("registry").is_empty() {
        let detail = "must be a host:port pair or multiple pairs separated by commas";
        errors.push(Error::required(&path.child("registry"), detail));
    }
    errors.extend(require(path, source, &["volume"]));
    errors
}

/// `fc`.
pub fn fibre_channel(path: &Path, source: &Value) -> Errors {
    let (names, ids) = (source.list_at("targetWWNs"), source.list_at("wwids"));
    let mut errors = Vec::new();
    if names.is_empty() && ids.is_empty() {
        let detail = "must specify either targetWWNs or wwids, but not both";
        errors.push(Error::required(&path.child("targetWWNs"), detail));
    }
    if !names.is_empty() && !ids.is_empty() {
        let detail = "targetWWNs and wwids can not be specified simultaneously";
        errors.push(Error::invalid(&path.child("targetWWNs"), names.to_vec(), detail));
    }
    if !names.is_empty() {
        match source.i64_at("lun") {
            None => errors.push(Error::required(&path.child("lun"), "lun is required if targetWWNs is specified")),
            lun => errors.extend(number::in_range(&path.child("lun"), lun, 0, LUN_MAX)),
        }
    }
    errors
}

/// `flexVolume`.
pub fn flex(path: &Path, source: &Value) -> Errors {
    require(path, source, &["driver"])
}

/// `azureFile`.
pub fn azure_file(path: &Path, source: &Value) -> Errors {
    require(path, source, &["secretName", "shareName"])
}

/// `vsphereVolume`.
pub fn vsphere(path: &Path, source: &Value) -> Errors {
    require(path, source, &["volumePath"])
}

/// `photonPersistentDisk`.
pub fn photon(path: &Path, source: &Value) -> Errors {
    require(path, source, &["pdID"])
}

/// `portworxVolume`.
pub fn portworx(path: &Path, source: &Value) -> Errors {
    require(path, source, &["volumeID"])
}

/// `azureDisk`.
pub fn azure_disk(path: &Path, source: &Value) -> Errors {
    require(path, source, &["diskName", "diskURI"])
}

/// `storageos`.
pub fn storage_os(path: &Path, source: &Value) -> Errors {
    require(path, source, &["volumeName"])
}

/// `scaleIO`.
pub fn scale_io(path: &Path, source: &Value) -> Errors {
    require(path, source, &["gateway", "system", "volumeName"])
}

/// `csi`, inline.
pub fn csi(path: &Path, source: &Value) -> Errors {
    let driver = source.str_at("driver");
    let mut errors = if driver.is_empty() {
        vec![Error::required(&path.child("driver"), "")]
    } else {
        let mut faults = names::longer_than(driver, names::DNS_LABEL_BYTES_MAX, "characters");
        faults.extend(names::dns_subdomain(&driver.to_lowercase()));
        faults.iter().map(|fault| Error::invalid(&path.child("driver"), driver, fault)).collect()
    };
    if let Some(secret) = member(source, "nodePublishSecretRef")
        && secret.str_at("name").is_empty()
    {
        errors.push(Error::required(&path.child("nodePublishSecretRef").child("name"), ""));
    }
    errors
}

/// `image`.
pub fn image(path: &Path, source: &Value) -> Errors {
    let reference = source.str_at("reference");
    let mut errors = require(path, source, &["reference"]);
    if reference.trim() != reference {
        let detail = "must not have leading or trailing whitespace";
        errors.push(Error::invalid(&path.child("reference"), reference, detail));
    }
    errors.extend(one_of(&path.child("pullPolicy"), source.str_at("pullPolicy"), &["Always", "IfNotPresent", "Never"]));
    errors
}

/// `ephemeral`: the claim it makes. The rest of a claim's rules hold where the claim is made.
pub fn ephemeral(path: &Path, source: &Value) -> Errors {
    let path = path.child("volumeClaimTemplate");
    let Some(template) = member(source, "volumeClaimTemplate") else { return vec![Error::required(&path, "")] };
    let mut errors = validate_claim_metadata(&path.child("metadata"), template.at("metadata").unwrap_or(&Value::Null));
    let spec = path.child("spec");
    let modes = template.list_at("spec.accessModes");
    if modes.is_empty() {
        errors.push(Error::required(&spec.child("accessModes"), "at least 1 access mode is required"));
    }
    for mode in modes {
        let known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
        errors.extend(one_of(&spec.child("accessModes"), mode.as_str().unwrap_or_default(), &known));
    }
    let at = spec.child("resources").key("storage");
    match template.at("spec.resources.requests.storage") {
        None => errors.push(Error::required(&at, "")),
        Some(size) if quantity::of(size).is_negative() || quantity::of(size).is_zero() => {
            errors.push(Error::invalid(&at, size.clone(), "must be greater than zero"));
        }
        Some(size) => errors.extend(quantity::validate_value(&at, "storage", size)),
    }
    errors
}

fn validate_claim_metadata(path: &Path, metadata: &Value) -> Errors {
    let mut errors = labels::validate_annotations(&path.child("annotations"), metadata.at("annotations"));
    errors.extend(labels::validate(&path.child("labels"), metadata.at("labels")));
    for (name, value) in entries(Some(metadata)) {
        if !matches!(name.as_str(), "annotations" | "labels") && is_given(Some(value)) {
            errors.push(Error::forbidden(&path.child(name), "cannot be set"));
        }
    }
    errors
}

/// An error for each of these texts that is missing.
fn require(path: &Path, source: &Value, fields: &[&str]) -> Errors {
    let missing = fields.iter().filter(|name| source.str_at(name).is_empty());
    missing.map(|name| Error::required(&path.child(name), "")).collect()
}
