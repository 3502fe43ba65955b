//! The calls about containers, one a file.

mod contract;
mod create;
mod events;
mod input;
mod list;
mod names;
mod path;
mod remove;
mod reopen;
mod spec;
mod start;
mod stats;
mod status;
mod stop;
mod update;
mod volume;

pub(super) use create::create;
pub(super) use events::events;
pub(super) use list::list;
pub(super) use remove::remove;
pub(super) use reopen::reopen;
pub(crate) use spec::PORTS_ANNOTATION;
pub(super) use start::start;
pub(super) use stats::{list_stats, measure, stats};
pub(super) use status::status;
pub(super) use stop::stop;
pub(super) use update::update;
