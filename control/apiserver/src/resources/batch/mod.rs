//! `batch/v1`: pods that end.

pub mod cron_job;
pub mod job;

use crate::registry::resource::Resource;

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![cron_job::row(), job::row()]
}
