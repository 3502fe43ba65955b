//! The volumes of a pod: names, one source each, and which of them mounts can use.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::{projection, volume_source};
use crate::validation::{check, each, member, names};

/// The valid volumes of a pod by name.
pub type Volumes<'a> = BTreeMap<&'a str, &'a Value>;

/// Checks a source at its path.
type Check = fn(&Path, &Value) -> Errors;

/// The kinds of volumes in the order in which upstream looks at them, each with its check. Two volumes' errors about
/// their number go to a path that is not their own: that is upstream's.
const SOURCES: &[(&str, &str, Check)] = &[
    ("emptyDir", "emptyDir", volume_source::empty_dir),
    ("hostPath", "hostPath", volume_source::host_path),
    ("gitRepo", "gitRepo", volume_source::git_repo),
    ("gcePersistentDisk", "gcePersistentDisk", volume_source::gce_disk),
    ("awsElasticBlockStore", "awsElasticBlockStore", volume_source::aws_disk),
    ("secret", "secret", projection::secret),
    ("nfs", "nfs", volume_source::nfs),
    ("iscsi", "iscsi", volume_source::iscsi),
    ("glusterfs", "glusterfs", volume_source::glusterfs),
    ("flocker", "flocker", volume_source::flocker),
    ("persistentVolumeClaim", "persistentVolumeClaim", volume_source::claim),
    ("rbd", "rbd", volume_source::rbd),
    ("cinder", "cinder", volume_source::cinder),
    ("cephfs", "cephFS", volume_source::ceph_fs),
    ("quobyte", "quobyte", volume_source::quobyte),
    ("downwardAPI", "downwarAPI", projection::downward_api),
    ("fc", "fc", volume_source::fibre_channel),
    ("flexVolume", "flexVolume", volume_source::flex),
    ("configMap", "configMap", projection::config_map),
    ("azureFile", "azureFile", volume_source::azure_file),
    ("vsphereVolume", "vsphereVolume", volume_source::vsphere),
    ("photonPersistentDisk", "photonPersistentDisk", volume_source::photon),
    ("portworxVolume", "portworxVolume", volume_source::portworx),
    ("azureDisk", "azureDisk", volume_source::azure_disk),
    ("storageos", "storageos", volume_source::storage_os),
    ("projected", "projected", projection::projected),
    ("scaleIO", "scaleIO", volume_source::scale_io),
    ("csi", "csi", volume_source::csi),
    ("ephemeral", "ephemeral", volume_source::ephemeral),
    ("image", "image", volume_source::image),
];

/// Checks `volumes` and answers those that are valid. `pod_name` is empty in templates.
pub fn validate<'a>(path: &Path, spec: &'a Value, pod_name: &str) -> (Volumes<'a>, Errors) {
    let mut volumes = Volumes::new();
    let mut errors = Vec::new();
    for (at, volume) in each(path, spec, "volumes") {
        let name = volume.str_at("name");
        let mut found = validate_source(&at, volume, pod_name);
        if name.is_empty() {
            found.push(Error::required(&at.child("name"), ""));
        } else {
            found.extend(check(&at.child("name"), name, names::dns_label));
        }
        if volumes.contains_key(name) {
            found.push(Error::duplicate(&at.child("name"), name));
        }
        if found.is_empty() {
            volumes.insert(name, volume);
        }
        errors.extend(found);
    }
    errors.extend(validate_generated_claims(path, spec, pod_name));
    (volumes, errors)
}

fn validate_source(path: &Path, volume: &Value, pod_name: &str) -> Errors {
    let mut given = SOURCES.iter().filter_map(|row| Some((row, member(volume, row.0)?)));
    let Some(((name, _, check), source)) = given.next() else {
        return vec![Error::required(path, "must specify a volume type")];
    };
    let mut errors = check(&path.child(name), source);
    errors.extend(
        given.map(|((_, shown, _), _)| Error::forbidden(&path.child(shown), "may not specify more than 1 volume type")),
    );
    let volume_name = volume.str_at("name");
    if *name == "ephemeral" && !pod_name.is_empty() && !volume_name.is_empty() {
        let claim = format!("{pod_name}-{volume_name}");
        for fault in names::dns_subdomain(&claim) {
            let detail = format!("PVC name {}: {fault}", crate::field::quote(&claim));
            errors.push(Error::invalid(&path.child("name"), volume_name, &detail));
        }
    }
    errors
}

/// A claim that is made for one volume cannot be named by another.
fn validate_generated_claims(path: &Path, spec: &Value, pod_name: &str) -> Errors {
    let generated: Vec<String> = spec
        .list_at("volumes")
        .iter()
        .filter(|volume| !pod_name.is_empty() && member(volume, "ephemeral").is_some())
        .map(|volume| format!("{pod_name}-{}", volume.str_at("name")))
        .collect();
    each(path, spec, "volumes")
        .filter(|(_, volume)| generated.iter().any(|claim| claim == volume.str_at("persistentVolumeClaim.claimName")))
        .map(|(at, volume)| {
            Error::invalid(
                &at.child("persistentVolumeClaim").child("claimName"),
                volume.str_at("persistentVolumeClaim.claimName"),
                "must not reference a PVC that gets created for an ephemeral volume",
            )
        })
        .collect()
}
