//! What the agent is told once, at start.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::network::{Cidr, Network};

/// How often a kubelet asks anew for ConfigMaps and Secrets that volumes show; up to half of it is added at random.
pub const VOLUME_REFRESH: Duration = Duration::from_secs(60);

/// Said once by whoever composes the process.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's name.
    pub node_name: String,
    /// The node's address, as other machines reach it.
    pub host_ip: Ipv4Addr,
    /// The addresses of this node's pods.
    pub pod_cidr: Cidr,
    /// How pod and service addresses become addresses that this host can bind.
    pub network: Network,
    /// Logs, volumes and termination messages live below it.
    pub data_dir: PathBuf,
    /// How often ConfigMaps and Secrets that volumes show are asked for anew.
    pub volume_refresh: Duration,
}
