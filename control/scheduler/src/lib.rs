//! Chooses a node for each pod. It knows the API and nothing else, and runs against any Kubernetes.
//!
//! # Flow
//! Watches of pods and nodes keep a snapshot and a queue; the one loop takes the most urgent pod, asks the pure
//! `schedule` for a node, counts the pod there at once, and lets a task bind it while the next pod is looked at.
//! `state.rs` is all of that but the writes, and pure.

mod driver;
mod plugin;
mod plugins;
mod quantity;
mod queue;
mod report;
mod resources;
mod schedule;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
#[cfg(test)]
#[path = "../../testing/transcript.rs"]
mod transcript;
mod view;
mod watch;

use kube::Client;
use tokio_util::sync::CancellationToken;

/// Schedules pods until `shutdown`.
pub async fn run(client: Client, shutdown: CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = driver::run(client) => {}
    }
}
