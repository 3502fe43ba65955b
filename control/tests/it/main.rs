//! The whole program as users meet it: a real process, real sockets, real kills. No client, registry or capability needed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod cluster;
mod crash;
mod cri;
mod deploy;
mod hostile;
mod images;
mod kubelet;
