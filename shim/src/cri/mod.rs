//! CRI v1 as traits: the seam between whoever wants pods (our agent, a kubelet behind a socket) and what runs them.
//!
//! The methods take and give CRI's own messages, so that `socket` adds a transport and changes nothing here. Each call
//! is one file under `sandbox`, `container`, `image` or `node`; `service` is the table that says which.

mod address;
mod calls;
#[cfg(feature = "client")]
pub mod client;
mod container;
mod deadline;
mod error;
pub mod files;
mod image;
pub mod layer;
pub mod message;
mod metrics;
mod node;
mod record;
mod sandbox;
mod service;
pub mod socket;
mod state;
pub mod stream;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub(crate) use container::PORTS_ANNOTATION;
pub use error::Error;
pub use service::{OpenError, Service, Setup};

/// What a call answers, later.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, Error>>;
/// What a call answers bit by bit.
pub type Replies<T> = BoxStream<'static, Result<T, Error>>;

/// Declares the methods of a service: each takes its request and gives its response, at once or bit by bit.
macro_rules! methods {
    ($($(#[$doc:meta])* $call:ident: $request:ident => $kind:ident<$response:ident>;)*) => {
        $($(#[$doc])* fn $call(&self, req: message::$request) -> methods!(@ $kind $response);)*
    };
    (@ Reply $response:ident) => { Reply<'_, message::$response> };
    (@ Replies $response:ident) => { Replies<message::$response> };
}

/// Sandboxes and containers.
pub trait RuntimeService: Send + Sync {
    methods! {
        /// Says who answers.
        version: VersionRequest => Reply<VersionResponse>;
        /// Says whether pods can run, and what they may ask for.
        status: StatusRequest => Reply<StatusResponse>;
        /// Says who makes cgroups.
        runtime_config: RuntimeConfigRequest => Reply<RuntimeConfigResponse>;
        /// Hears which addresses this node's pods shall have.
        update_runtime_config: UpdateRuntimeConfigRequest => Reply<UpdateRuntimeConfigResponse>;

        /// Makes a sandbox with an address of its own.
        run_pod_sandbox: RunPodSandboxRequest => Reply<RunPodSandboxResponse>;
        /// Ends what runs in a sandbox and frees its address. Idempotent.
        stop_pod_sandbox: StopPodSandboxRequest => Reply<StopPodSandboxResponse>;
        /// Forgets a sandbox and its containers. Idempotent.
        remove_pod_sandbox: RemovePodSandboxRequest => Reply<RemovePodSandboxResponse>;
        /// Tells how a sandbox is.
        pod_sandbox_status: PodSandboxStatusRequest => Reply<PodSandboxStatusResponse>;
        /// Lists sandboxes.
        list_pod_sandbox: ListPodSandboxRequest => Reply<ListPodSandboxResponse>;
        /// Lists sandboxes, some at a time.
        stream_pod_sandboxes: StreamPodSandboxesRequest => Replies<StreamPodSandboxesResponse>;
        /// Notes what a whole pod may use; its containers' own limits are what is enforced.
        update_pod_sandbox_resources: UpdatePodSandboxResourcesRequest => Reply<UpdatePodSandboxResourcesResponse>;

        /// Makes a container, without starting it.
        create_container: CreateContainerRequest => Reply<CreateContainerResponse>;
        /// Starts a container. On failure it has ended with code 128 and reason `StartError`.
        start_container: StartContainerRequest => Reply<StartContainerResponse>;
        /// Ends a container: asks, waits, kills. Idempotent and cancellation safe; the shortest wait of all calls counts.
        stop_container: StopContainerRequest => Reply<StopContainerResponse>;
        /// Forgets a container, and its log if the agent in this process wrote it. Idempotent.
        remove_container: RemoveContainerRequest => Reply<RemoveContainerResponse>;
        /// Tells how a container is.
        container_status: ContainerStatusRequest => Reply<ContainerStatusResponse>;
        /// Lists containers.
        list_containers: ListContainersRequest => Reply<ListContainersResponse>;
        /// Lists containers, some at a time.
        stream_containers: StreamContainersRequest => Replies<StreamContainersResponse>;
        /// Changes the limits of a container, while it runs too.
        update_container_resources: UpdateContainerResourcesRequest => Reply<UpdateContainerResourcesResponse>;
        /// Begins a new log after the old one was moved away.
        reopen_container_log: ReopenContainerLogRequest => Reply<ReopenContainerLogResponse>;

        /// Runs a command in a container and waits for its end.
        exec_sync: ExecSyncRequest => Reply<ExecSyncResponse>;
        /// Says where to talk with a command in a container.
        exec: ExecRequest => Reply<ExecResponse>;
        /// Says where to talk with a container's program.
        attach: AttachRequest => Reply<AttachResponse>;
        /// Says where to reach ports of a sandbox.
        port_forward: PortForwardRequest => Reply<PortForwardResponse>;

        /// Measures a container.
        container_stats: ContainerStatsRequest => Reply<ContainerStatsResponse>;
        /// Measures containers that run.
        list_container_stats: ListContainerStatsRequest => Reply<ListContainerStatsResponse>;
        /// Measures containers that run, some at a time.
        stream_container_stats: StreamContainerStatsRequest => Replies<StreamContainerStatsResponse>;
        /// Measures a sandbox.
        pod_sandbox_stats: PodSandboxStatsRequest => Reply<PodSandboxStatsResponse>;
        /// Measures sandboxes that are ready.
        list_pod_sandbox_stats: ListPodSandboxStatsRequest => Reply<ListPodSandboxStatsResponse>;
        /// Measures sandboxes that are ready, some at a time.
        stream_pod_sandbox_stats: StreamPodSandboxStatsRequest => Replies<StreamPodSandboxStatsResponse>;
        /// Says which metrics there are.
        list_metric_descriptors: ListMetricDescriptorsRequest => Reply<ListMetricDescriptorsResponse>;
        /// Answers the metrics of all sandboxes that are ready.
        list_pod_sandbox_metrics: ListPodSandboxMetricsRequest => Reply<ListPodSandboxMetricsResponse>;
        /// Answers the metrics of all sandboxes that are ready, some at a time.
        stream_pod_sandbox_metrics: StreamPodSandboxMetricsRequest => Replies<StreamPodSandboxMetricsResponse>;
        /// Tells of containers from now on. `Error::Lagged` in it means that some news was lost.
        get_container_events: GetEventsRequest => Replies<ContainerEventResponse>;

        /// Would write a container's state to a file.
        checkpoint_container: CheckpointContainerRequest => Reply<CheckpointContainerResponse>;
        /// Would write the state of a whole sandbox.
        checkpoint_pod: CheckpointPodRequest => Reply<CheckpointPodResponse>;
        /// Would make a sandbox from a written state.
        restore_pod: RestorePodRequest => Reply<RestorePodResponse>;
    }
}

/// Images.
pub trait ImageService: Send + Sync {
    methods! {
        /// Lists the images of this machine.
        list_images: ListImagesRequest => Reply<ListImagesResponse>;
        /// Lists the images of this machine, some at a time.
        stream_images: StreamImagesRequest => Replies<StreamImagesResponse>;
        /// Tells of one image; none is not an error.
        image_status: ImageStatusRequest => Reply<ImageStatusResponse>;
        /// Makes sure that an image is here. Nothing goes on once nobody waits for the answer.
        pull_image: PullImageRequest => Reply<PullImageResponse>;
        /// Forgets an image and all its names. Idempotent.
        remove_image: RemoveImageRequest => Reply<RemoveImageResponse>;
        /// Says how much disk images take.
        image_fs_info: ImageFsInfoRequest => Reply<ImageFsInfoResponse>;
    }
}

/// Both services, as one process has them.
pub trait Cri: RuntimeService + ImageService {}

impl<T: RuntimeService + ImageService> Cri for T {}
