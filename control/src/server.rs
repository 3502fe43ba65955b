//! `coracle server`: runs a cluster until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use storage::{Revision, Storage};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::cluster::Cluster;
use crate::config::Config;

/// How long after the start, or after a burst of writes, a server has settled.
const SETTLE: Duration = Duration::from_secs(3);
/// So many writes are a burst, and after so few in a time to settle it is over.
const BURST_WRITES: u64 = 100;
const CALM_WRITES: u64 = 5;

/// Runs the cluster.
///
/// # Errors
/// When it does not start.
pub(crate) async fn run(config: Config) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for signals")?;
    let kubeconfig = config.kubeconfig.clone().unwrap_or_else(|| config.data_dir.join("admin.kubeconfig"));
    let cluster = Cluster::start(config).await?;
    info!(url = cluster.url, kubeconfig = %kubeconfig.display(), "the cluster is up");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = settle(cluster.storage()) => {}
    }
    info!("stopping");
    cluster.stop().await;
    Ok(())
}

/// Gives back the memory that only the start or a burst of writes needed, and never ends.
async fn settle(storage: &Arc<dyn Storage>) {
    tokio::time::sleep(SETTLE).await;
    runtime::process::settle();
    let mut settled = storage.revision();
    let mut before = settled;
    loop {
        tokio::time::sleep(SETTLE).await;
        let now = storage.revision();
        if is_over_a_burst(settled, before, now) {
            runtime::process::give_back();
            settled = now;
        }
        before = now;
    }
}

/// Whether much was written since the heap was given back, and little lately.
fn is_over_a_burst(settled: Revision, before: Revision, now: Revision) -> bool {
    now.0 - settled.0 >= BURST_WRITES && now.0 - before.0 <= CALM_WRITES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heap_is_given_back_once_a_burst_is_over() {
        let rows = [
            ("idle", 50, 50, 51, false),
            ("little by little", 50, 149, 150, true),
            ("in a burst", 50, 60, 200, false),
            ("after it", 50, 200, 202, true),
        ];
        for (what, settled, before, now, expected) in rows {
            let [settled, before, now] = [settled, before, now].map(Revision);
            assert_eq!(is_over_a_burst(settled, before, now), expected, "{what}");
        }
    }
}
