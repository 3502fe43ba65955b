//! Runs real components through the public API and watches what comes of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod exec;
mod files;
mod http;
mod limits;
mod network;
mod node;
mod start;
