//! The node in this process: the runtime, the agent that drives it, and the way from the API server to both.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use apiserver::error::Failure;
use apiserver::node::NodeConnector;
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response};
use runtime::Runtime;
use serde_json::Value;
use shim::agent::network::Network;
use shim::agent::{self, Agent};
use shim::cri::socket;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::admin;
use crate::args::PodNetwork;
use crate::cluster::Task;
use crate::config::Config;
use crate::cri;
use crate::image;
use crate::kubelet::Kubelets;

/// Every node gets so much of the cluster's addresses; this one gets the first part.
const NODE_PREFIX: u8 = 18;
/// The largest answer of the kubelet's API that this program reads itself.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// This process's node.
#[derive(Clone)]
pub(crate) struct LocalNode {
    name: String,
    runtime: Arc<Runtime>,
    network: Network,
    kubelet: axum::Router,
}

// === impl LocalNode ===

impl LocalNode {
    /// Makes the node; the tasks run it.
    ///
    /// # Errors
    /// When the data directory cannot be used or is in use.
    pub(crate) async fn start(
        config: &Config,
        client: kube::Client,
        shutdown: CancellationToken,
    ) -> Result<(LocalNode, Vec<Task>)> {
        let cidr = |network: Ipv4Addr, prefix_len: u8| agent::network::Cidr { network, prefix_len };
        let pod_cidr = cidr(config.cluster_cidr.network, NODE_PREFIX);
        let service_cidr = cidr(config.service_cidr.network, config.service_cidr.prefix);
        let bind = match config.pod_network {
            PodNetwork::Auto => agent::network::Bind::AsTheyAre,
            PodNetwork::Loopback => agent::network::Bind::AsTwins,
        };
        let network = agent::network::prepare(pod_cidr, service_cidr, &config.data_dir, bind).await;
        let program = std::env::current_exe().context("find this program's file")?;
        let runtime = Runtime::open(runtime::Config {
            data_dir: config.data_dir.clone(),
            compiler: vec![program.into(), "compile".into()],
            address_mapping: network.pods,
        })
        .context("open the runtime")?;
        runtime.images().set_registries(image::registries(&config.data_dir, config.registries.as_deref())?);
        let (agent, driver) = Agent::new(
            agent::Config {
                node_name: config.node_name.clone(),
                host_ip: host_ip(config),
                pod_cidr,
                network,
                data_dir: config.data_dir.clone(),
                volume_refresh: agent::VOLUME_REFRESH,
            },
            client,
            runtime.clone(),
        );
        let node =
            LocalNode { name: config.node_name.clone(), runtime: runtime.clone(), network, kubelet: agent.router() };
        let (data_dir, served, admin_shutdown) = (config.data_dir.clone(), node.clone(), shutdown.clone());
        let admin = async move {
            if let Err(error) = admin::serve(&data_dir, served, admin_shutdown).await {
                tracing::error!(error = %format!("{error:#}"), "commands of this machine cannot reach the node");
            }
        };
        let mut tasks: Vec<Task> = vec![Box::pin(admin)];
        if let Some(path) = &config.cri_socket {
            let (listener, cri, shutdown) = (socket::bind(path)?, agent.cri(), shutdown.clone());
            tasks.push(Box::pin(async move {
                if let Err(error) = cri::serve(listener, cri, shutdown).await {
                    tracing::error!(error = %format!("{error:#}"), "CRI is no longer served");
                }
            }));
        }
        tasks.push(Box::pin(async move { driver.run(shutdown.cancelled()).await }));
        Ok((node, tasks))
    }

    /// A runtime that is driven through CRI alone, as this machine's commands see it.
    pub(crate) fn without_agent(runtime: Arc<Runtime>, network: Network) -> LocalNode {
        LocalNode { name: String::new(), runtime, network, kubelet: axum::Router::new() }
    }

    /// Gives a file an image name.
    ///
    /// # Errors
    /// When it is no WebAssembly, or the name is none.
    pub(crate) fn import(&self, file: &Path, reference: &str) -> Result<()> {
        self.runtime.images().import(reference, file)?;
        Ok(())
    }

    /// What runs the programs.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Where this host reaches a pod's or Service's address.
    pub(crate) fn host_address(&self, address: SocketAddr) -> SocketAddr {
        self.network.services.host_address(self.network.pods.host_address(address))
    }

    /// The memory of each pod, by uid, as the kubelet's API has it.
    ///
    /// # Errors
    /// When the node does not answer as a kubelet does.
    pub(crate) async fn memory_by_pod(&self) -> Result<HashMap<String, u64>> {
        let request = Request::get("/stats/summary").body(Body::empty())?;
        let response = self.kubelet.clone().oneshot(request).await?;
        let body = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await?;
        let summary: Value = serde_json::from_slice(&body).context("read the node's statistics")?;
        let pods = summary["pods"].as_array().into_iter().flatten();
        Ok(pods
            .filter_map(|pod| {
                let containers = pod["containers"].as_array()?.iter();
                let bytes = containers.filter_map(|container| container["memory"]["workingSetBytes"].as_u64()).sum();
                Some((pod["podRef"]["uid"].as_str()?.to_owned(), bytes))
            })
            .collect())
    }
}

/// The way from the API server to nodes: to that of this process, which starts after it, and to those of others.
pub(crate) struct Connector {
    local: OnceLock<LocalNode>,
    others: Kubelets,
}

// === impl Connector ===

impl Connector {
    /// The way to the nodes of others.
    pub(crate) fn new(others: Kubelets) -> Connector {
        Connector { local: OnceLock::new(), others }
    }

    /// From now on the node of this process is reached.
    pub(crate) fn connect(&self, node: LocalNode) {
        let first = self.local.set(node).is_ok();
        debug_assert!(first, "a process has one node");
    }
}

impl NodeConnector for Connector {
    fn call<'a>(&'a self, node: &'a str, request: Request<Body>) -> BoxFuture<'a, Result<Response<Body>, Failure>> {
        Box::pin(async move {
            let Some(local) = self.local.get().filter(|local| local.name == node) else {
                return self.others.call(node, request).await;
            };
            let answered = local.kubelet.clone().oneshot(request).await;
            answered.map_err(|never| match never {})
        })
    }
}

/// The node's address: where the API listens, if that is an address of its own.
fn host_ip(config: &Config) -> Ipv4Addr {
    match config.https_listen.ip() {
        IpAddr::V4(ip) if !ip.is_unspecified() => ip,
        _ => Ipv4Addr::LOCALHOST,
    }
}
