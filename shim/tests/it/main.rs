//! The agent with its real runtime, against an API server that is only as much of one as the agent needs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod bug;
mod cri;
mod exec;
mod node;
mod pods;
