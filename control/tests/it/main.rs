//! The whole program as users meet it: a real process, real sockets, real kills. No client, registry or capability needed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod crash;
mod deploy;
mod hostile;
