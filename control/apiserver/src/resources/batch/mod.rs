//! `batch/v1`: pods that end.

pub mod job;

use crate::registry::resource::Resource;

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![job::row()]
}
