//! One pod: what decides is pure (`phase`, `status`, `condition`, `restart`), what does is the worker.

pub mod condition;
pub mod life;
pub mod phase;
pub mod quantity;
pub mod restart;
pub mod status;

#[cfg(test)]
mod tests;
