//! One pod: what decides is pure (`phase`, `status`, `condition`, `restart`, `env`, `volume`), what does is the worker.

pub(crate) mod adopt;
pub(crate) mod condition;
pub(crate) mod downward;
mod end;
pub(crate) mod env;
mod image;
pub(crate) mod life;
mod mount;
mod observe;
pub(crate) mod phase;
pub(crate) mod probe;
pub(crate) mod quantity;
pub(crate) mod restart;
pub(crate) mod source;
mod start;
pub(crate) mod status;
pub(crate) mod volume;
pub(crate) mod worker;

#[cfg(test)]
mod tests;
