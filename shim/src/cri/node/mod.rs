//! The calls about the runtime itself, one a file.

mod config;
mod status;
mod version;

pub(super) use config::{config, update_config};
pub(super) use status::status;
pub(super) use version::version;
