//! The calls about sandboxes, one a file.

mod list;
mod remove;
mod run;
mod status;
mod stop;

pub(super) use list::list;
pub(super) use remove::remove;
pub(super) use run::run;
pub(super) use status::status;
pub(super) use stop::stop;
