//! What every backend must do, and what only durable ones must.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod drivers;
mod kill;
mod objects;
mod restart;
