//! The calls about sandboxes, one a file.

mod contract;
mod list;
mod ports;
mod remove;
mod run;
mod stats;
mod status;
mod stop;
mod update;

pub(super) use contract::HANDLERS;
pub(super) use list::list;
pub(super) use ports::HostPorts;
pub(super) use remove::remove;
pub(super) use run::run;
pub(super) use stats::{list_stats, stats};
pub(super) use status::status;
pub(super) use stop::stop;
pub(super) use update::update;
