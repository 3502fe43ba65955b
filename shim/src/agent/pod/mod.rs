//! One pod. What decides is pure: `phase`, `status`, `condition`, `restart`, `health`, `env`, `volume`. What does is one
//! file per thing it works on: `mount` and `token`, `sandbox`, `container` with its `config`, `image` (as `keyring` lets it) and `probe`, `exit`,
//! `stop`. The `worker` asks the first what to do, calls the others to do it, and `report`s.

pub(crate) mod phase;
pub(crate) mod state;
pub(crate) mod worker;

pub(crate) mod adopt;
pub(crate) mod condition;
pub(crate) mod config;
mod container;
mod context;
pub(crate) mod downward;
pub(crate) mod env;
mod exit;
mod health;
mod image;
mod keyring;
mod mount;
pub(crate) mod probe;
pub(crate) mod quantity;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod restart;
pub(crate) mod sandbox;
pub(crate) mod source;
pub(crate) mod status;
mod stop;
pub(crate) mod token;
pub(crate) mod volume;

#[cfg(test)]
mod tests;
