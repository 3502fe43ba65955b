//! The calls about containers, one a file.

mod create;
mod events;
mod list;
mod remove;
mod start;
mod stats;
mod status;
mod stop;

pub(crate) use create::PORTS_ANNOTATION;
pub(super) use create::create;
pub(super) use events::events;
pub(super) use list::list;
pub(super) use remove::remove;
pub(super) use start::start;
pub(super) use stats::{list_stats, stats};
pub(super) use status::status;
pub(super) use stop::stop;
