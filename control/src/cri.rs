//! `coracle cri`: the runtime alone behind CRI on a unix socket, for a kubelet, crictl or critest.

use std::fs::DirBuilder;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use runtime::Runtime;
use shim::agent::network::{self, Bind, Cidr, Network};
use shim::cri::message::{
    ContainerFilter, ContainerState, ContainerStateValue, ListContainersRequest, StopContainerRequest,
};
use shim::cri::{Cri, Service, Setup, socket, stream};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin;
use crate::args::{self, PodNetwork};
use crate::image;
use crate::node::LocalNode;

/// How long after the start the process has settled.
const SETTLE: Duration = Duration::from_secs(3);
/// How long programs may take to end with it.
const STOP_GRACE_SECONDS: i64 = 2;
/// And how long until they are given up.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Serves CRI until it is told to stop.
///
/// # Errors
/// When the directory or the socket cannot be used.
pub(crate) async fn run(args: args::Cri) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for signals")?;
    let root = make_root(&args.root)?;
    let pod_cidr: Cidr = args.pod_cidr.parse().context("--pod-cidr")?;
    let (runtime, network) = open_runtime(&root, pod_cidr, args.pod_network).await?;
    runtime.images().set_registries(image::registries(&root, args.registries.as_deref())?);
    let setup = Setup {
        network: pod_cidr.network,
        prefix_len: pod_cidr.prefix_len,
        records: root.join("cri"),
        config: serde_json::json!({
            "root": root, "socket": args.socket, "podCidr": args.pod_cidr,
            "podNetwork": format!("{:?}", network.pods),
        })
        .to_string(),
    };
    let service = Service::open(runtime.clone(), setup).context("open the service")?;
    let listener = socket::bind(&args.socket)?;
    info!(socket = %args.socket.display(), root = %root.display(), "CRI is served");

    let shutdown = CancellationToken::new();
    let commands = serve_commands(root, LocalNode::without_agent(runtime, network), shutdown.clone());
    tokio::select! {
        served = serve(listener, service.clone(), shutdown.clone()) => served?,
        () = commands => {}
        () = settle() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("stopping");
    shutdown.cancel();
    if tokio::time::timeout(STOP_PATIENCE, stop_containers(&*service)).await.is_err() {
        warn!("some containers did not end in time");
    }
    // Whoever connects now should hear that nobody is there.
    let _ = std::fs::remove_file(&args.socket);
    Ok(())
}

/// Serves CRI beside everything else that a process does, with the streams of exec, attach and port-forward on loopback.
///
/// # Errors
/// When a listener cannot be had, or breaks.
pub(crate) async fn serve(listener: UnixListener, service: Arc<Service>, shutdown: CancellationToken) -> Result<()> {
    let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen for streams")?;
    tokio::try_join!(
        async { socket::serve(listener, service.clone(), shutdown.clone()).await.context("serve CRI") },
        async { stream::serve(streams, service.clone(), shutdown.clone()).await.context("serve streams") },
    )?;
    Ok(())
}

fn make_root(root: &Path) -> Result<PathBuf> {
    // Images are code, and logs are nobody else's.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
    made.with_context(|| format!("create `{}`", root.display()))?;
    root.canonicalize().with_context(|| format!("find `{}`", root.display()))
}

async fn open_runtime(root: &Path, pod_cidr: Cidr, how: PodNetwork) -> Result<(Arc<Runtime>, Network)> {
    let bind = match how {
        PodNetwork::Auto => Bind::AsTheyAre,
        PodNetwork::Loopback => Bind::AsTwins,
    };
    let pods = network::prepare_pods(pod_cidr, root, bind).await;
    let program = std::env::current_exe().context("find this program's file")?;
    let config = runtime::Config {
        data_dir: root.to_owned(),
        compiler: vec![program.into(), "compile".into()],
        address_mapping: pods,
    };
    let runtime = Runtime::open(config).context("open the runtime")?;
    // Services are the business of whoever drives this: their addresses are the host's.
    Ok((runtime, Network { pods, services: pods }))
}

/// `coracle image` and `coracle address` for this process; without them pods still run.
async fn serve_commands(root: PathBuf, node: LocalNode, shutdown: CancellationToken) {
    if let Err(error) = admin::serve(&root, node, shutdown).await {
        tracing::error!(error = %format!("{error:#}"), "commands of this machine cannot reach this process");
    }
    std::future::pending().await
}

/// Gives back the memory that only the start needed, and never ends.
async fn settle() {
    tokio::time::sleep(SETTLE).await;
    runtime::process::settle();
    std::future::pending().await
}

/// Programs end with this process: they are asked first.
async fn stop_containers(cri: &dyn Cri) {
    let running = ContainerStateValue { state: ContainerState::ContainerRunning.into() };
    let filter = Some(ContainerFilter { state: Some(running), ..ContainerFilter::default() });
    let listed = cri.list_containers(ListContainersRequest { filter }).await;
    let stops = listed
        .map(|it| it.containers)
        .unwrap_or_default()
        .into_iter()
        .map(|it| cri.stop_container(StopContainerRequest { container_id: it.id, timeout: STOP_GRACE_SECONDS }));
    for stopped in futures::future::join_all(stops).await {
        if let Err(error) = stopped {
            warn!(%error, "a container did not stop");
        }
    }
}
