//! `/ephemeralcontainers`: containers for debugging may be added to a pod, never changed or removed.

use serde_json::Value;

use crate::field::{Error, Errors, Path, quote};
use crate::object::Fields;
use crate::resources::changes::changes;
use crate::resources::core::pod::prepare::{count, keep};
use crate::resources::core::pod::strategy::validate_whole;
use crate::resources::pod_template::annotation;

/// Keeps everything but the ephemeral containers.
pub(super) fn prepare(new: &mut Value, old: &Value) {
    let containers = new.remove("spec.ephemeralContainers");
    for path in ["spec", "status", "metadata.labels", "metadata.annotations", "metadata.ownerReferences"] {
        keep(new, old, path);
    }
    match containers {
        Some(containers) => new.set("spec.ephemeralContainers", containers),
        None => {
            new.remove("spec.ephemeralContainers");
        }
    }
    count(new, old);
}

/// What is wrong with the new list.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    if annotation::is_mirror(old) {
        return vec![Error::forbidden(&Path::new("[]"), "static pods do not support ephemeral containers")];
    }
    let mut errors = validate_whole(new);
    let path = Path::new("spec.ephemeralContainers");
    for before in old.list_at("spec.ephemeralContainers") {
        let name = quote(before.str_at("name"));
        // With two of one name, which is an error of its own, upstream looks at the last.
        let now = new.list_at("spec.ephemeralContainers").iter().rev().find(|c| c.get("name") == before.get("name"));
        match now {
            None => {
                errors.push(Error::forbidden(
                    &path,
                    &format!("existing ephemeral containers {name} may not be removed\n"),
                ));
            }
            Some(now) if now != before => {
                let changes = changes(before, now);
                let detail = format!("existing ephemeral containers {name} may not be changed\n{changes}");
                errors.push(Error::forbidden(&path, &detail));
            }
            Some(_) => {}
        }
    }
    errors
}
