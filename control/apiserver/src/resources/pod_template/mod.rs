//! What pods share with everything that makes pods: defaults, checks and warnings of a pod spec and its template.

pub mod affinity;
pub mod annotation;
pub mod container;
pub mod default;
pub mod dns;
pub mod env;
pub mod file_path;
pub mod image;
pub mod pod_security;
pub mod port;
pub mod probe;
pub mod projection;
pub mod resources;
pub mod security;
pub mod spec;
pub mod spread;
pub mod toleration;
pub mod volume;
pub mod volume_mount;
pub mod volume_source;
pub mod warning;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{is_given, labels};

/// Checks a `PodTemplateSpec` at `path` (`ValidatePodTemplateSpec`). Errors of its labels lack `metadata` in their
/// path: that is upstream's.
pub fn validate(path: &Path, template: &Value) -> Errors {
    let null = Value::Null;
    let spec = template.at("spec").unwrap_or(&null);
    let annotations = template.at("metadata.annotations");
    let mut errors = labels::validate(&path.child("labels"), template.at("metadata.labels"));
    errors.extend(labels::validate_annotations(&path.child("annotations"), annotations));
    errors.extend(annotation::validate(&path.child("annotations"), annotations, spec));
    errors.extend(spec::validate(&path.child("spec"), spec, spec::Owner::Template));
    if is_given(spec.at("ephemeralContainers")) {
        let at = path.child("spec").child("ephemeralContainers");
        errors.push(Error::forbidden(&at, "ephemeral containers not allowed in pod template"));
    }
    errors
}

#[cfg(test)]
mod tests;
