//! CRI over the runtime of this process: the table of calls, and what they share.

use std::net::Ipv4Addr;
use std::sync::{Arc, Weak};

use futures::stream::BoxStream;
use k8s_openapi::jiff::Timestamp;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use runtime::Runtime;
use tokio::sync::broadcast;
use tokio_util::task::TaskTracker;

use super::address::AddressPool;
use super::error::Error;
use super::files::FileSets;
use super::message::{
    ContainerEventResponse, ContainerEventType, ContainerStatsRequest, ContainerStatsResponse, ContainerStatusRequest,
    ContainerStatusResponse, CreateContainerRequest, CreateContainerResponse, GetEventsRequest, ImageStatusRequest,
    ImageStatusResponse, ListContainerStatsRequest, ListContainerStatsResponse, ListContainersRequest,
    ListContainersResponse, ListImagesRequest, ListImagesResponse, ListPodSandboxRequest, ListPodSandboxResponse,
    PodSandboxStatusRequest, PodSandboxStatusResponse, PullImageRequest, PullImageResponse, RemoveContainerRequest,
    RemoveContainerResponse, RemoveImageRequest, RemoveImageResponse, RemovePodSandboxRequest,
    RemovePodSandboxResponse, RunPodSandboxRequest, RunPodSandboxResponse, RuntimeCondition, RuntimeHandler,
    RuntimeStatus, StartContainerRequest, StartContainerResponse, StatusRequest, StatusResponse, StopContainerRequest,
    StopContainerResponse, StopPodSandboxRequest, StopPodSandboxResponse, VersionRequest, VersionResponse,
};
use super::state::State;
use super::{ImageService, Reply, RuntimeService, container, image, sandbox};

/// What stands before `://` in container ids.
pub(super) const RUNTIME_NAME: &str = "coracle";
/// Events that a slow listener may be behind.
const EVENTS_MAX: usize = 1024;
/// Random bytes in an id.
const ID_BYTES: usize = 16;

/// CRI over the runtime of this process.
#[derive(Debug)]
pub struct Service {
    pub(super) runtime: Arc<Runtime>,
    pub(super) state: Mutex<State>,
    pub(super) addresses: Mutex<AddressPool>,
    /// Waits for programs to end; each of its tasks lives as long as one program.
    pub(super) waiters: TaskTracker,
    /// What waiters hold: they outlive the call that started them.
    pub(super) me: Weak<Self>,
    files: Arc<FileSets>,
    events: broadcast::Sender<ContainerEventResponse>,
    random: SystemRandom,
}

impl Service {
    /// A service whose sandboxes get their addresses from `network/prefix_len`.
    pub fn new(runtime: Arc<Runtime>, network: Ipv4Addr, prefix_len: u8) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            runtime,
            state: Mutex::default(),
            addresses: Mutex::new(AddressPool::new(network, prefix_len)),
            waiters: TaskTracker::new(),
            me: Weak::clone(me),
            files: Arc::default(),
            events: broadcast::channel(EVENTS_MAX).0,
            random: SystemRandom::new(),
        })
    }

    /// The files in memory that mounts can name.
    pub fn files(&self) -> &Arc<FileSets> {
        &self.files
    }

    pub(super) fn new_id(&self) -> String {
        let mut bytes = [0; ID_BYTES];
        self.random.fill(&mut bytes).expect("the system's random source does not fail once it works");
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Tells the listeners what happened to a container.
    pub(super) fn tell(&self, state: &State, container_id: &str, event: ContainerEventType) {
        let sandbox = state.containers.get(container_id).and_then(|it| state.sandboxes.get(&it.sandbox_id));
        // Nobody listening is not an error.
        let _ = self.events.send(ContainerEventResponse {
            container_id: container_id.to_owned(),
            container_event_type: event.into(),
            created_at: now(),
            pod_sandbox_status: sandbox.map(super::state::Sandbox::status),
            containers_statuses: sandbox.map(|it| state.statuses_in(it)).unwrap_or_default(),
        });
    }
}

/// Now, as CRI writes times.
pub(super) fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

impl RuntimeService for Service {
    fn version(&self, _: VersionRequest) -> Reply<'_, VersionResponse> {
        Box::pin(async {
            Ok(VersionResponse {
                version: "0.1.0".to_owned(),
                runtime_name: RUNTIME_NAME.to_owned(),
                runtime_version: env!("CARGO_PKG_VERSION").to_owned(),
                runtime_api_version: "v1".to_owned(),
            })
        })
    }

    fn status(&self, _: StatusRequest) -> Reply<'_, StatusResponse> {
        Box::pin(async {
            let holds = |name: &str| RuntimeCondition { r#type: name.to_owned(), status: true, ..Default::default() };
            Ok(StatusResponse {
                status: Some(RuntimeStatus { conditions: vec![holds("RuntimeReady"), holds("NetworkReady")] }),
                runtime_handlers: vec![RuntimeHandler::default()],
                ..Default::default()
            })
        })
    }

    fn run_pod_sandbox(&self, req: RunPodSandboxRequest) -> Reply<'_, RunPodSandboxResponse> {
        Box::pin(async move { sandbox::run(self, req) })
    }

    fn stop_pod_sandbox(&self, req: StopPodSandboxRequest) -> Reply<'_, StopPodSandboxResponse> {
        Box::pin(sandbox::stop(self, req))
    }

    fn remove_pod_sandbox(&self, req: RemovePodSandboxRequest) -> Reply<'_, RemovePodSandboxResponse> {
        Box::pin(sandbox::remove(self, req))
    }

    fn pod_sandbox_status(&self, req: PodSandboxStatusRequest) -> Reply<'_, PodSandboxStatusResponse> {
        Box::pin(async move { sandbox::status(self, req) })
    }

    fn list_pod_sandbox(&self, req: ListPodSandboxRequest) -> Reply<'_, ListPodSandboxResponse> {
        Box::pin(async move { sandbox::list(self, req) })
    }

    fn create_container(&self, req: CreateContainerRequest) -> Reply<'_, CreateContainerResponse> {
        Box::pin(container::create(self, req))
    }

    fn start_container(&self, req: StartContainerRequest) -> Reply<'_, StartContainerResponse> {
        Box::pin(container::start(self, req))
    }

    fn stop_container(&self, req: StopContainerRequest) -> Reply<'_, StopContainerResponse> {
        Box::pin(container::stop(self, req))
    }

    fn remove_container(&self, req: RemoveContainerRequest) -> Reply<'_, RemoveContainerResponse> {
        Box::pin(container::remove(self, req))
    }

    fn container_status(&self, req: ContainerStatusRequest) -> Reply<'_, ContainerStatusResponse> {
        Box::pin(async move { container::status(self, req) })
    }

    fn list_containers(&self, req: ListContainersRequest) -> Reply<'_, ListContainersResponse> {
        Box::pin(async move { container::list(self, req) })
    }

    fn container_stats(&self, req: ContainerStatsRequest) -> Reply<'_, ContainerStatsResponse> {
        Box::pin(async move { container::stats(self, req) })
    }

    fn list_container_stats(&self, req: ListContainerStatsRequest) -> Reply<'_, ListContainerStatsResponse> {
        Box::pin(async move { container::list_stats(self, req) })
    }

    fn get_container_events(&self, _: GetEventsRequest) -> BoxStream<'static, Result<ContainerEventResponse, Error>> {
        Box::pin(container::events(self.events.subscribe()))
    }
}

impl ImageService for Service {
    fn list_images(&self, req: ListImagesRequest) -> Reply<'_, ListImagesResponse> {
        Box::pin(image::list(self, req))
    }

    fn image_status(&self, req: ImageStatusRequest) -> Reply<'_, ImageStatusResponse> {
        Box::pin(image::status(self, req))
    }

    fn pull_image(&self, req: PullImageRequest) -> Reply<'_, PullImageResponse> {
        Box::pin(image::pull(self, req))
    }

    fn remove_image(&self, req: RemoveImageRequest) -> Reply<'_, RemoveImageResponse> {
        Box::pin(image::remove(self, req))
    }
}
