//! Container ports: names, numbers, protocols, and host ports that may be taken once only.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::port::{self, port_name};
use crate::validation::{check, each};

/// The `ports` of one container.
pub fn validate(path: &Path, container: &Value) -> Errors {
    let mut errors = Vec::new();
    let mut names = BTreeSet::new();
    for (at, port) in each(path, container, "ports") {
        errors.extend(validate_name(&at.child("name"), port.str_at("name"), &mut names));
        match port.i64_at("containerPort").unwrap_or(0) {
            0 => errors.push(Error::required(&at.child("containerPort"), "")),
            number => errors.extend(port::validate_number(&at.child("containerPort"), Some(number))),
        }
        if let Some(number) = port.i64_at("hostPort").filter(|p| *p != 0) {
            errors.extend(port::validate_number(&at.child("hostPort"), Some(number)));
        }
        match port.str_at("protocol") {
            "" => errors.push(Error::required(&at.child("protocol"), "")),
            protocol => {
                errors.extend(crate::validation::one_of(&at.child("protocol"), protocol, &["SCTP", "TCP", "UDP"]))
            }
        }
    }
    errors
}

/// Host ports that stand more than once in these containers, each given with its path.
pub fn validate_host_ports<'a>(containers: impl Iterator<Item = (Path, &'a Value)>) -> Errors {
    let mut errors = Vec::new();
    let mut taken = BTreeSet::new();
    for (path, container) in containers {
        for (at, port) in each(&path, container, "ports") {
            let Some(number) = port.i64_at("hostPort").filter(|p| *p != 0) else { continue };
            let key = format!("{}/{}/{number}", port.str_at("protocol"), port.str_at("hostIP"));
            if !taken.insert(key.clone()) {
                errors.push(Error::duplicate(&at.child("hostPort"), key));
            }
        }
    }
    errors
}

fn validate_name<'a>(path: &Path, name: &'a str, names: &mut BTreeSet<&'a str>) -> Errors {
    if name.is_empty() {
        return Vec::new();
    }
    let errors = check(path, name, port_name);
    if errors.is_empty() && !names.insert(name) {
        return vec![Error::duplicate(path, name)];
    }
    errors
}
