//! The table of calls: which file answers each.

use futures::stream::{self, StreamExt};

use super::error::Error;
use super::service::Service;
use super::stream as streams;
use super::{ImageService, Replies, Reply, RuntimeService, container, image, message, metrics, node, sandbox};

/// Rows in one message of a list that is streamed.
const STREAM_ROWS_MAX: usize = 256;

/// Which file answers a call: `later` ones wait for something, `now` ones do not.
macro_rules! calls {
    ($($call:ident($request:ident) -> $response:ident $kind:ident |$me:pat_param, $req:pat_param| $answer:expr;)*) => {
        $(calls!(@ $kind $call $request $response |$me, $req| $answer);)*
    };
    (@ later $call:ident $request:ident $response:ident |$me:pat_param, $req:pat_param| $answer:expr) => {
        fn $call(&self, req: message::$request) -> Reply<'_, message::$response> {
            let ($me, $req) = (self, req);
            Box::pin($answer)
        }
    };
    (@ now $call:ident $request:ident $response:ident |$me:pat_param, $req:pat_param| $answer:expr) => {
        fn $call(&self, req: message::$request) -> Reply<'_, message::$response> {
            Box::pin(async move {
                let ($me, $req) = (self, req);
                $answer
            })
        }
    };
    (@ bits $call:ident $request:ident $response:ident |$me:pat_param, $req:pat_param| $answer:expr) => {
        fn $call(&self, req: message::$request) -> Replies<message::$response> {
            let ($me, $req) = (self, req);
            $answer
        }
    };
}

impl RuntimeService for Service {
    calls! {
        version(VersionRequest) -> VersionResponse now |_, _| Ok(node::version());
        status(StatusRequest) -> StatusResponse now |me, req| Ok(node::status(me, &req));
        runtime_config(RuntimeConfigRequest) -> RuntimeConfigResponse now |_, _| Ok(node::config());
        update_runtime_config(UpdateRuntimeConfigRequest) -> UpdateRuntimeConfigResponse
            now |me, req| Ok(node::update_config(me, &req));

        run_pod_sandbox(RunPodSandboxRequest) -> RunPodSandboxResponse later |me, req| sandbox::run(me, req);
        stop_pod_sandbox(StopPodSandboxRequest) -> StopPodSandboxResponse later |me, req| sandbox::stop(me, req);
        remove_pod_sandbox(RemovePodSandboxRequest) -> RemovePodSandboxResponse later |me, req| sandbox::remove(me, req);
        pod_sandbox_status(PodSandboxStatusRequest) -> PodSandboxStatusResponse now |me, req| sandbox::status(me, req);
        list_pod_sandbox(ListPodSandboxRequest) -> ListPodSandboxResponse now |me, req| sandbox::list(me, req);
        stream_pod_sandboxes(StreamPodSandboxesRequest) -> StreamPodSandboxesResponse bits |me, req| {
            let listed = sandbox::list(me, message::ListPodSandboxRequest { filter: req.filter });
            in_parts(listed.map(|it| it.items), |pod_sandboxes| message::StreamPodSandboxesResponse { pod_sandboxes })
        };
        update_pod_sandbox_resources(UpdatePodSandboxResourcesRequest) -> UpdatePodSandboxResourcesResponse
            later |me, req| sandbox::update(me, req);

        create_container(CreateContainerRequest) -> CreateContainerResponse later |me, req| container::create(me, req);
        start_container(StartContainerRequest) -> StartContainerResponse later |me, req| container::start(me, req);
        stop_container(StopContainerRequest) -> StopContainerResponse later |me, req| container::stop(me, req);
        remove_container(RemoveContainerRequest) -> RemoveContainerResponse later |me, req| container::remove(me, req);
        container_status(ContainerStatusRequest) -> ContainerStatusResponse now |me, req| container::status(me, req);
        list_containers(ListContainersRequest) -> ListContainersResponse now |me, req| container::list(me, req);
        stream_containers(StreamContainersRequest) -> StreamContainersResponse bits |me, req| {
            let listed = container::list(me, message::ListContainersRequest { filter: req.filter });
            in_parts(listed.map(|it| it.containers), |containers| message::StreamContainersResponse { containers })
        };
        update_container_resources(UpdateContainerResourcesRequest) -> UpdateContainerResourcesResponse
            later |me, req| container::update(me, req);
        reopen_container_log(ReopenContainerLogRequest) -> ReopenContainerLogResponse
            later |me, req| container::reopen(me, req);

        exec_sync(ExecSyncRequest) -> ExecSyncResponse later |me, req| streams::exec_sync(me, req);
        exec(ExecRequest) -> ExecResponse now |me, req| streams::exec(me, req);
        attach(AttachRequest) -> AttachResponse now |me, req| streams::attach(me, req);
        port_forward(PortForwardRequest) -> PortForwardResponse now |me, req| streams::port_forward(me, req);

        container_stats(ContainerStatsRequest) -> ContainerStatsResponse now |me, req| container::stats(me, req);
        list_container_stats(ListContainerStatsRequest) -> ListContainerStatsResponse
            now |me, req| container::list_stats(me, req);
        stream_container_stats(StreamContainerStatsRequest) -> StreamContainerStatsResponse bits |me, req| {
            let listed = container::list_stats(me, message::ListContainerStatsRequest { filter: req.filter });
            let part = |container_stats| message::StreamContainerStatsResponse { container_stats };
            in_parts(listed.map(|it| it.stats), part)
        };
        pod_sandbox_stats(PodSandboxStatsRequest) -> PodSandboxStatsResponse now |me, req| sandbox::stats(me, req);
        list_pod_sandbox_stats(ListPodSandboxStatsRequest) -> ListPodSandboxStatsResponse
            now |me, req| Ok(sandbox::list_stats(me, req));
        stream_pod_sandbox_stats(StreamPodSandboxStatsRequest) -> StreamPodSandboxStatsResponse bits |me, req| {
            let listed = sandbox::list_stats(me, message::ListPodSandboxStatsRequest { filter: req.filter });
            let part = |pod_sandbox_stats| message::StreamPodSandboxStatsResponse { pod_sandbox_stats };
            in_parts(Ok(listed.stats), part)
        };
        list_metric_descriptors(ListMetricDescriptorsRequest) -> ListMetricDescriptorsResponse
            now |_, _| Ok(metrics::descriptors());
        list_pod_sandbox_metrics(ListPodSandboxMetricsRequest) -> ListPodSandboxMetricsResponse
            now |me, _| Ok(metrics::list(me));
        stream_pod_sandbox_metrics(StreamPodSandboxMetricsRequest) -> StreamPodSandboxMetricsResponse bits |me, _| {
            let part = |pod_sandbox_metrics| message::StreamPodSandboxMetricsResponse { pod_sandbox_metrics };
            in_parts(Ok(metrics::list(me).pod_metrics), part)
        };
        get_container_events(GetEventsRequest) -> ContainerEventResponse
            bits |me, _| container::events(me.subscribe()).boxed();

        checkpoint_container(CheckpointContainerRequest) -> CheckpointContainerResponse
            now |_, _| unsupported("checkpoint");
        checkpoint_pod(CheckpointPodRequest) -> CheckpointPodResponse now |_, _| unsupported("checkpoint");
        restore_pod(RestorePodRequest) -> RestorePodResponse now |_, _| unsupported("checkpoint");
    }
}

impl ImageService for Service {
    calls! {
        list_images(ListImagesRequest) -> ListImagesResponse later |me, req| image::list(me, req);
        stream_images(StreamImagesRequest) -> StreamImagesResponse bits |me, req| {
            let me = me.me.upgrade();
            let listed = async move {
                match me {
                    Some(me) => image::list(&me, message::ListImagesRequest { filter: req.filter }).await,
                    None => Ok(message::ListImagesResponse::default()),
                }
            };
            let part = |images| message::StreamImagesResponse { images };
            stream::once(listed).flat_map(move |listed| in_parts(listed.map(|it| it.images), part)).boxed()
        };
        image_status(ImageStatusRequest) -> ImageStatusResponse later |me, req| image::status(me, req);
        pull_image(PullImageRequest) -> PullImageResponse later |me, req| image::pull(me, req);
        remove_image(RemoveImageRequest) -> RemoveImageResponse later |me, req| image::remove(me, req);
        image_fs_info(ImageFsInfoRequest) -> ImageFsInfoResponse later |me, _| image::fs_info(me);
    }
}

/// What is not there says so, by name.
fn unsupported<T>(what: &'static str) -> Result<T, Error> {
    Err(Error::Unsupported(what))
}

/// A list as messages of a bounded size; one of none is no message at all.
fn in_parts<Row, Part>(rows: Result<Vec<Row>, Error>, part: impl Fn(Vec<Row>) -> Part + Send + 'static) -> Replies<Part>
where
    Row: Send + 'static,
    Part: Send + 'static,
{
    match rows {
        Ok(rows) => stream::iter(rows).chunks(STREAM_ROWS_MAX).map(move |rows| Ok(part(rows))).boxed(),
        Err(err) => stream::iter([Err(err)]).boxed(),
    }
}
