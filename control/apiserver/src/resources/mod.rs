//! The kinds that are served: one row each, in discovery's order.

pub mod age;
pub mod apps;
pub mod authentication;
pub mod authorization;
pub mod autoscaling;
pub mod batch;
pub mod certificates;
pub mod coordination;
pub mod core;
pub mod discovery;
pub mod events;
pub mod networking;
pub mod node;
pub mod policy;
pub mod rbac;
pub mod scheduling;
pub mod storage;

pub mod address;
pub mod bootstrap;
pub mod cell;
mod changes;
pub mod pod_template;

use serde_json::Value;

use crate::object::Fields;
use crate::registry::resource::Resource;

/// Every built-in kind.
pub fn all() -> Vec<Resource> {
    [
        core::rows(),
        apps::rows(),
        authentication::rows(),
        authorization::rows(),
        autoscaling::rows(),
        batch::rows(),
        certificates::rows(),
        coordination::rows(),
        discovery::rows(),
        events::rows(),
        networking::rows(),
        node::rows(),
        policy::rows(),
        rbac::rows(),
        scheduling::rows(),
        storage::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Puts back what was at `path` before a change that may not touch it.
fn keep(new: &mut Value, old: &Value, path: &str) {
    match old.at(path) {
        Some(value) => new.set(path, value.clone()),
        None => drop(new.remove(path)),
    }
}

#[cfg(test)]
mod tests;
