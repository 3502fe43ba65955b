//! `coracle server`: runs a cluster until it is told to stop.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::cluster::Cluster;
use crate::config::Config;

/// How long after the start a server has settled.
const SETTLE: Duration = Duration::from_secs(3);

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
        () = settle() => {}
    }
    info!("stopping");
    cluster.stop().await;
    Ok(())
}

/// Gives back the memory that only the start needed, and never ends.
async fn settle() {
    tokio::time::sleep(SETTLE).await;
    runtime::process::settle();
    std::future::pending().await
}
