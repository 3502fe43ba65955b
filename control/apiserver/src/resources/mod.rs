//! The kinds that are served: one row each, in discovery's order.

pub mod age;
pub mod core;
pub mod pod_template;

use crate::registry::resource::Resource;

/// Every built-in kind.
pub fn all() -> Vec<Resource> {
    [core::rows()].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
