//! `/resize`: CPU and memory of running containers may change, within their class (`ValidatePodResize`).

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::core::pod::prepare::{count, keep};
use crate::resources::core::pod::qos;
use crate::resources::core::pod::strategy::validate_whole;
use crate::resources::pod_template::annotation;
use crate::resources::pod_template::container::is_sidecar;
use crate::validation::{each, entries};

const LISTS: [&str; 2] = ["containers", "initContainers"];
const ONLY: &str = "only cpu and memory resources are mutable";

/// Keeps everything but resources and resize policies. Where containers do not match one to one, everything stays,
/// for the check to refuse.
pub(super) fn prepare(new: &mut Value, old: &Value) {
    let names = |pod: &Value, list: &str| -> Vec<String> {
        pod.list_at(&format!("spec.{list}")).iter().map(|c| c.str_at("name").to_owned()).collect()
    };
    if LISTS.iter().all(|list| names(new, list) == names(old, list)) {
        let wanted = new.at("spec").cloned().unwrap_or(Value::Null);
        for path in ["spec", "status", "metadata.labels", "metadata.annotations", "metadata.ownerReferences"] {
            keep(new, old, path);
        }
        for list in LISTS {
            let containers = new.at_mut(&format!("spec.{list}")).and_then(Value::as_array_mut);
            for (container, wanted) in containers.into_iter().flatten().zip(wanted.list_at(list)) {
                keep(container, wanted, "resources");
                keep(container, wanted, "resizePolicy");
            }
        }
        keep_pod_level(new, &wanted);
    }
    count(new, old);
}

/// What is wrong with the new sizes.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let path = Path::new("spec");
    let null = Value::Null;
    let (now, before) = (new.at("spec").unwrap_or(&null), old.at("spec").unwrap_or(&null));
    for list in LISTS {
        if now.list_at(list).len() != before.list_at(list).len() {
            let detail = "containers may not be added or removed on resize";
            return vec![Error::forbidden(&path.child(list), detail)];
        }
    }
    if let Some(refused) = refused_as_a_whole(old) {
        return vec![refused];
    }
    let mut errors = validate_whole(new);
    if qos::class(now) != old.str_at("status.qosClass") {
        let class = new.str_at("status.qosClass");
        errors.push(Error::invalid(&path, class, "Pod QOS Class may not change as a result of resizing"));
    }
    for list in ["initContainers", "containers"] {
        for ((at, now), before) in each(&path, now, list).zip(before.list_at(list)) {
            if list == "containers" || is_sidecar(before) {
                errors.extend(validate_removed(&at.child("resources"), now, before));
            }
        }
    }
    errors.extend(validate_others(&path, now, before));
    errors
}

fn keep_pod_level(new: &mut Value, wanted: &Value) {
    match wanted.at("resources") {
        Some(resources) => new.set("spec.resources", resources.clone()),
        None => {
            new.remove("spec.resources");
        }
    }
}

fn refused_as_a_whole(old: &Value) -> Option<Error> {
    let path = Path::new("[]");
    if annotation::is_mirror(old) {
        return Some(Error::forbidden(&path, "static pods cannot be resized"));
    }
    (old.str_at("spec.os.name") == "windows").then(|| Error::forbidden(&path, "windows pods cannot be resized"))
}

/// A resource that was asked for or limited stays so.
fn validate_removed(path: &Path, now: &Value, before: &Value) -> Errors {
    let mut errors = Vec::new();
    for list in ["requests", "limits"] {
        let of = |container: &Value| container.at("resources").and_then(|r| r.get(list)).cloned();
        let kept = of(now).unwrap_or(Value::Null);
        if entries(of(before).as_ref()).any(|(name, _)| kept.get(name).is_none()) {
            errors.push(Error::forbidden(&path.child(list), &format!("resource {list} cannot be removed")));
        }
    }
    errors
}

/// Everything else is as it was.
fn validate_others(path: &Path, now: &Value, before: &Value) -> Errors {
    let mut errors = Vec::new();
    let mut rest = now.clone();
    for list in LISTS {
        let old = before.list_at(list);
        let containers = rest.at_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for (container, old) in containers.zip(old) {
            let sidecar = list == "initContainers" && is_sidecar(old);
            if list == "containers" || sidecar {
                set_back(container, old);
            }
            if container != old {
                let detail = match (list, sidecar) {
                    ("containers", _) => ONLY,
                    (_, true) => "only cpu and memory resources for sidecar containers are mutable",
                    (_, false) => "resources for non-sidecar init containers are immutable",
                };
                errors.push(Error::forbidden(path, detail));
            }
        }
    }
    set_back(&mut rest, before);
    if errors.is_empty() && rest != *before {
        errors.push(Error::forbidden(path, ONLY));
    }
    errors
}

/// Gives `holder` the CPU and memory that `old` had.
fn set_back(holder: &mut Value, old: &Value) {
    for list in ["requests", "limits"] {
        let Some(before) = old.at("resources").and_then(|r| r.get(list)) else {
            // Where there was no list, there was no CPU and no memory, and a new list holds nothing else in the end.
            let at = format!("resources.{list}");
            for name in ["cpu", "memory"] {
                holder.remove(&format!("{at}.{name}"));
            }
            if holder.at(&at).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
                holder.remove(&at);
            }
            continue;
        };
        for name in ["cpu", "memory"] {
            let at = format!("resources.{list}.{name}");
            match before.get(name) {
                Some(value) => holder.set(&at, value.clone()),
                None => {
                    holder.remove(&at);
                }
            }
        }
    }
}
