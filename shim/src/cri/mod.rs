//! CRI v1 as traits: the seam between whoever wants pods (our agent, a kubelet behind a socket) and what runs them.
//!
//! The methods take and give CRI's own messages, so that a socket adds a transport and changes nothing here. Each call
//! is one file under `sandbox`, `container` or `image`; `service` is the table that says which.

mod address;
mod container;
mod error;
pub mod files;
mod image;
pub mod layer;
pub mod message;
mod sandbox;
mod service;
mod state;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub(crate) use container::PORTS_ANNOTATION;
pub use error::Error;
use message::{
    ContainerEventResponse, ContainerStatsRequest, ContainerStatsResponse, ContainerStatusRequest,
    ContainerStatusResponse, CreateContainerRequest, CreateContainerResponse, GetEventsRequest, ImageStatusRequest,
    ImageStatusResponse, ListContainerStatsRequest, ListContainerStatsResponse, ListContainersRequest,
    ListContainersResponse, ListImagesRequest, ListImagesResponse, ListPodSandboxRequest, ListPodSandboxResponse,
    PodSandboxStatusRequest, PodSandboxStatusResponse, PullImageRequest, PullImageResponse, RemoveContainerRequest,
    RemoveContainerResponse, RemoveImageRequest, RemoveImageResponse, RemovePodSandboxRequest,
    RemovePodSandboxResponse, RunPodSandboxRequest, RunPodSandboxResponse, StartContainerRequest,
    StartContainerResponse, StatusRequest, StatusResponse, StopContainerRequest, StopContainerResponse,
    StopPodSandboxRequest, StopPodSandboxResponse, VersionRequest, VersionResponse,
};
pub use service::Service;

/// What a call answers, later.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Sandboxes and containers.
pub trait RuntimeService: Send + Sync {
    /// Says who answers.
    fn version(&self, req: VersionRequest) -> Reply<'_, VersionResponse>;
    /// Says whether pods can run.
    fn status(&self, req: StatusRequest) -> Reply<'_, StatusResponse>;
    /// Makes a sandbox with an address of its own.
    fn run_pod_sandbox(&self, req: RunPodSandboxRequest) -> Reply<'_, RunPodSandboxResponse>;
    /// Ends what runs in a sandbox and frees its address. Idempotent.
    fn stop_pod_sandbox(&self, req: StopPodSandboxRequest) -> Reply<'_, StopPodSandboxResponse>;
    /// Forgets a sandbox and its containers. Idempotent.
    fn remove_pod_sandbox(&self, req: RemovePodSandboxRequest) -> Reply<'_, RemovePodSandboxResponse>;
    /// Tells how a sandbox is.
    fn pod_sandbox_status(&self, req: PodSandboxStatusRequest) -> Reply<'_, PodSandboxStatusResponse>;
    /// Lists sandboxes.
    fn list_pod_sandbox(&self, req: ListPodSandboxRequest) -> Reply<'_, ListPodSandboxResponse>;
    /// Makes a container, without starting it.
    fn create_container(&self, req: CreateContainerRequest) -> Reply<'_, CreateContainerResponse>;
    /// Starts a container. On failure it has ended with code 128 and reason `StartError`.
    fn start_container(&self, req: StartContainerRequest) -> Reply<'_, StartContainerResponse>;
    /// Ends a container: asks, waits, kills. Idempotent and cancellation safe; the shortest wait of all calls counts.
    fn stop_container(&self, req: StopContainerRequest) -> Reply<'_, StopContainerResponse>;
    /// Forgets a container and its log. Idempotent.
    fn remove_container(&self, req: RemoveContainerRequest) -> Reply<'_, RemoveContainerResponse>;
    /// Tells how a container is.
    fn container_status(&self, req: ContainerStatusRequest) -> Reply<'_, ContainerStatusResponse>;
    /// Lists containers.
    fn list_containers(&self, req: ListContainersRequest) -> Reply<'_, ListContainersResponse>;
    /// Measures a container.
    fn container_stats(&self, req: ContainerStatsRequest) -> Reply<'_, ContainerStatsResponse>;
    /// Measures containers that run.
    fn list_container_stats(&self, req: ListContainerStatsRequest) -> Reply<'_, ListContainerStatsResponse>;
    /// Tells of containers from now on. `Error::Lagged` in it means that some news was lost.
    fn get_container_events(&self, req: GetEventsRequest) -> BoxStream<'static, Result<ContainerEventResponse, Error>>;
}

/// Images.
pub trait ImageService: Send + Sync {
    /// Lists the images of this machine.
    fn list_images(&self, req: ListImagesRequest) -> Reply<'_, ListImagesResponse>;
    /// Tells of one image; none is not an error.
    fn image_status(&self, req: ImageStatusRequest) -> Reply<'_, ImageStatusResponse>;
    /// Makes sure that an image is here.
    fn pull_image(&self, req: PullImageRequest) -> Reply<'_, PullImageResponse>;
    /// Forgets an image and all its names. Idempotent.
    fn remove_image(&self, req: RemoveImageRequest) -> Reply<'_, RemoveImageResponse>;
}

/// Both services, as one process has them.
pub trait Cri: RuntimeService + ImageService {}

impl<T: RuntimeService + ImageService> Cri for T {}
