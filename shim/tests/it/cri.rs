//! CRI over a real socket, as a kubelet or crictl speaks it: a client of the generated kind, a server in this process.

mod calls;
mod contract;
mod kubelet;
mod life;
mod restart;
pub(crate) mod stream;
mod volume;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use runtime::{AddressMapping, Runtime};
use shim::cri::client::{self, Client};
use shim::cri::message::image_service_client::ImageServiceClient;
use shim::cri::message::runtime_service_client::RuntimeServiceClient;
use shim::cri::message::*;
use shim::cri::{Service, Setup, socket, stream as streams};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::node;

/// A runtime behind a socket, and clients of it.
pub(crate) struct Node {
    pub(crate) pods: RuntimeServiceClient<Channel>,
    pub(crate) images: ImageServiceClient<Channel>,
    pub(crate) socket: PathBuf,
    pub(crate) runtime: Arc<Runtime>,
    dir: tempfile::TempDir,
    /// Each process has its own here: the one before cannot be killed with its locks.
    _runtime_dir: tempfile::TempDir,
    shutdown: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    /// Starts another node on the records of this one, which is left as if it were dead.
    pub(crate) async fn restart(self) -> Self {
        self.server.abort();
        Self::start_in(self.dir).await
    }

    async fn start_in(dir: tempfile::TempDir) -> Self {
        let runtime_dir = tempfile::tempdir().unwrap();
        let second = node::NEXT_NETWORK.fetch_add(2, Ordering::Relaxed);
        let network = [10, 88, 0, 0].into();
        let mapping = AddressMapping::Twin { network, prefix_len: 24, second, shift_low_ports: true };
        let runtime = node::open_runtime(runtime_dir.path(), mapping);
        node::import_guests(&runtime, runtime_dir.path());
        let setup =
            Setup { network, prefix_len: 24, records: dir.path().join("cri"), config: r#"{"test":true}"#.to_owned() };
        let service = Service::open(Arc::clone(&runtime), setup).unwrap();
        let socket = runtime_dir.path().join("run/cri.sock");
        let listener = socket::bind(&socket).unwrap();
        let shutdown = CancellationToken::new();
        let clients = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tokio::spawn(streams::serve(clients, Arc::clone(&service), shutdown.clone()));
        let server = tokio::spawn(socket::serve(listener, service, shutdown.clone()));
        let Client { pods, images } = client::connect(&socket).await.unwrap();
        Self { pods, images, socket, runtime, dir, _runtime_dir: runtime_dir, shutdown, server }
    }

    /// Stops serving, as SIGTERM does.
    pub(crate) async fn stop_serving(self) -> std::io::Result<()> {
        self.shutdown.cancel();
        self.server.await.unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn sandbox(&mut self, name: &str) -> String {
        let req = RunPodSandboxRequest { config: Some(self.sandbox_config(name)), ..Default::default() };
        self.pods.run_pod_sandbox(req).await.unwrap().into_inner().pod_sandbox_id
    }

    pub(crate) fn sandbox_config(&self, name: &str) -> PodSandboxConfig {
        PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: name.to_owned(),
                uid: format!("uid-of-{name}"),
                namespace: "ns".to_owned(),
                attempt: 2,
            }),
            hostname: name.to_owned(),
            log_directory: self.path().join("logs").join(name).display().to_string(),
            labels: [("app".to_owned(), name.to_owned())].into(),
            annotations: [("note".to_owned(), "kept".to_owned())].into(),
            ..Default::default()
        }
    }

    pub(crate) fn config(&self, image: &str) -> ContainerConfig {
        ContainerConfig {
            metadata: Some(ContainerMetadata { name: "c".to_owned(), attempt: 3 }),
            image: Some(ImageSpec { image: format!("example.local/{image}:1"), ..Default::default() }),
            log_path: "c/3.log".to_owned(),
            labels: [("of".to_owned(), "c".to_owned())].into(),
            annotations: [("io.kubernetes.container.restartCount".to_owned(), "3".to_owned())].into(),
            ..Default::default()
        }
    }

    pub(crate) async fn create(&mut self, sandbox: &str, config: ContainerConfig) -> Result<String, tonic::Status> {
        let req =
            CreateContainerRequest { pod_sandbox_id: sandbox.to_owned(), config: Some(config), ..Default::default() };
        Ok(self.pods.create_container(req).await?.into_inner().container_id)
    }

    pub(crate) async fn begin(&mut self, id: &str) {
        self.pods.start_container(StartContainerRequest { container_id: id.to_owned() }).await.unwrap();
    }

    /// A container that runs, or ran.
    pub(crate) async fn run(&mut self, sandbox: &str, image: &str) -> String {
        let id = self.create(sandbox, self.config(image)).await.unwrap();
        self.begin(&id).await;
        id
    }

    pub(crate) async fn status(&mut self, id: &str) -> ContainerStatus {
        let req = ContainerStatusRequest { container_id: id.to_owned(), verbose: false };
        self.pods.container_status(req).await.unwrap().into_inner().status.unwrap()
    }

    pub(crate) async fn until(&mut self, id: &str, state: ContainerState) -> ContainerStatus {
        for _ in 0..2000 {
            let status = self.status(id).await;
            if status.state() == state {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it stayed {:?}", self.status(id).await);
    }
}
