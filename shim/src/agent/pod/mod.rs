//! One pod: what decides is pure (`phase`, `status`, `condition`, `restart`), what does is the worker.

pub mod condition;
pub mod downward;
pub mod env;
pub mod life;
pub mod phase;
pub mod quantity;
pub mod restart;
pub mod source;
pub mod status;
pub mod volume;

#[cfg(test)]
mod tests;
