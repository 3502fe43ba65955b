//! CRI over a unix socket: which RPC is which call, who may open the socket, and how long a call may take.
//!
//! # Guarantees
//! - A call ends with its deadline, or when its caller leaves: its future is dropped, and each call says what that means.
//! - Only the socket's owner may open it. One that a killed process left is replaced; one that is listened on is not.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::error::Error;
use super::message::image_service_server::{self, ImageServiceServer};
use super::message::runtime_service_server::{self, RuntimeServiceServer};
use super::{Cri, Reply, deadline, files, message};

/// As CRI's clients have it, each way.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Whoever may open the socket owns the node.
const MODE: u32 = 0o600;
/// How long calls may go on after shutdown; a listener of events would never leave.
const DRAIN: Duration = Duration::from_secs(2);

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("another process listens on `{0}`: stop it, or give this one another socket")]
    InUse(PathBuf),
    /// Something else is there, which is not ours to remove.
    #[error("`{0}` is there and is not a socket")]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("{operation} `{path}`")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A socket that listens, with its directory made if need be.
///
/// # Errors
/// See `BindError`.
pub fn bind(path: &Path) -> Result<UnixListener, BindError> {
    let failed = |operation| move |source| BindError::Io { operation, path: path.to_owned(), source };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed("make the directory of"))?;
    }
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(path.to_owned())),
        Ok(_) if UnixStream::connect(path).is_ok() => return Err(BindError::InUse(path.to_owned())),
        Ok(_) | Err(_) => {}
    }
    // Under another name first: nobody can open it before its mode is set, and the rename replaces what is stale.
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let _ = fs::remove_file(&new);
    let listener = UnixListener::bind(&new).map_err(failed("listen on"))?;
    fs::set_permissions(&new, fs::Permissions::from_mode(MODE)).map_err(failed("protect"))?;
    fs::rename(&new, path).map_err(failed("put in place"))?;
    Ok(listener)
}

/// Serves both services until `shutdown`, and a moment longer for calls that are under way.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: UnixListener, cri: Arc<dyn Cri>, shutdown: CancellationToken) -> io::Result<()> {
    let socket = Socket { cri };
    let runtime = RuntimeServiceServer::new(socket.clone())
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let images = ImageServiceServer::new(socket)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let router = Routes::new(runtime).add_service(images).into_axum_router();
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = server => served,
        () = overdue => Ok(()),
    }
}

/// What the RPCs are called on.
#[derive(Clone)]
struct Socket {
    cri: Arc<dyn Cri>,
}

/// The table of RPCs: `call` is an RPC and the method of our trait of the same name; `check` looks at its request
/// first. A service that lacks a row does not compile.
macro_rules! table {
    ($service:path { $($call:ident: $request:ident => $response:ident $(if $check:ident)?;)* }
     bit by bit { $($stream:ident as $answers:ident: $stream_request:ident => $stream_response:ident;)* }) => {
        #[tonic::async_trait]
        impl $service for Socket {
            $(type $answers = BoxStream<'static, Result<message::$stream_response, Status>>;)*
            $(
                async fn $call(&self, req: Request<message::$request>) -> Result<Response<message::$response>, Status> {
                    $($check(req.get_ref())?;)?
                    let limit = deadline::of(req.metadata());
                    answer(stringify!($call), limit, self.cri.$call(req.into_inner())).await
                }
            )*
            $(
                async fn $stream(
                    &self,
                    req: Request<message::$stream_request>,
                ) -> Result<Response<Self::$answers>, Status> {
                    tracing::trace!(call = stringify!($stream), "called");
                    Ok(Response::new(self.cri.$stream(req.into_inner()).map_err(Status::from).boxed()))
                }
            )*
        }
    };
}

table! {
    runtime_service_server::RuntimeService {
        version: VersionRequest => VersionResponse;
        status: StatusRequest => StatusResponse;
        runtime_config: RuntimeConfigRequest => RuntimeConfigResponse;
        update_runtime_config: UpdateRuntimeConfigRequest => UpdateRuntimeConfigResponse;
        run_pod_sandbox: RunPodSandboxRequest => RunPodSandboxResponse;
        stop_pod_sandbox: StopPodSandboxRequest => StopPodSandboxResponse;
        remove_pod_sandbox: RemovePodSandboxRequest => RemovePodSandboxResponse;
        pod_sandbox_status: PodSandboxStatusRequest => PodSandboxStatusResponse;
        list_pod_sandbox: ListPodSandboxRequest => ListPodSandboxResponse;
        update_pod_sandbox_resources: UpdatePodSandboxResourcesRequest => UpdatePodSandboxResourcesResponse;
        create_container: CreateContainerRequest => CreateContainerResponse if no_files_of_this_process;
        start_container: StartContainerRequest => StartContainerResponse;
        stop_container: StopContainerRequest => StopContainerResponse;
        remove_container: RemoveContainerRequest => RemoveContainerResponse;
        container_status: ContainerStatusRequest => ContainerStatusResponse;
        list_containers: ListContainersRequest => ListContainersResponse;
        update_container_resources: UpdateContainerResourcesRequest => UpdateContainerResourcesResponse;
        reopen_container_log: ReopenContainerLogRequest => ReopenContainerLogResponse;
        exec_sync: ExecSyncRequest => ExecSyncResponse;
        exec: ExecRequest => ExecResponse;
        attach: AttachRequest => AttachResponse;
        port_forward: PortForwardRequest => PortForwardResponse;
        container_stats: ContainerStatsRequest => ContainerStatsResponse;
        list_container_stats: ListContainerStatsRequest => ListContainerStatsResponse;
        pod_sandbox_stats: PodSandboxStatsRequest => PodSandboxStatsResponse;
        list_pod_sandbox_stats: ListPodSandboxStatsRequest => ListPodSandboxStatsResponse;
        list_metric_descriptors: ListMetricDescriptorsRequest => ListMetricDescriptorsResponse;
        list_pod_sandbox_metrics: ListPodSandboxMetricsRequest => ListPodSandboxMetricsResponse;
        checkpoint_container: CheckpointContainerRequest => CheckpointContainerResponse;
        checkpoint_pod: CheckpointPodRequest => CheckpointPodResponse;
        restore_pod: RestorePodRequest => RestorePodResponse;
    } bit by bit {
        stream_pod_sandboxes as StreamPodSandboxesStream: StreamPodSandboxesRequest => StreamPodSandboxesResponse;
        stream_containers as StreamContainersStream: StreamContainersRequest => StreamContainersResponse;
        stream_container_stats as StreamContainerStatsStream: StreamContainerStatsRequest => StreamContainerStatsResponse;
        stream_pod_sandbox_stats as StreamPodSandboxStatsStream: StreamPodSandboxStatsRequest => StreamPodSandboxStatsResponse;
        stream_pod_sandbox_metrics as StreamPodSandboxMetricsStream:
            StreamPodSandboxMetricsRequest => StreamPodSandboxMetricsResponse;
        get_container_events as GetContainerEventsStream: GetEventsRequest => ContainerEventResponse;
    }
}

table! {
    image_service_server::ImageService {
        list_images: ListImagesRequest => ListImagesResponse;
        image_status: ImageStatusRequest => ImageStatusResponse;
        pull_image: PullImageRequest => PullImageResponse;
        remove_image: RemoveImageRequest => RemoveImageResponse;
        image_fs_info: ImageFsInfoRequest => ImageFsInfoResponse;
    } bit by bit {
        stream_images as StreamImagesStream: StreamImagesRequest => StreamImagesResponse;
    }
}

/// Waits for an answer, at most as long as the caller does.
async fn answer<T>(name: &'static str, limit: Option<Duration>, reply: Reply<'_, T>) -> Result<Response<T>, Status> {
    let answered = match limit {
        Some(limit) => tokio::time::timeout(limit, reply).await.unwrap_or(Err(Error::Expired)),
        None => reply.await,
    };
    match answered {
        Ok(response) => {
            tracing::trace!(call = name, "answered");
            Ok(Response::new(response))
        }
        Err(err) => {
            let status = Status::from(err);
            tracing::debug!(call = name, code = ?status.code(), message = status.message(), "refused");
            Err(status)
        }
    }
}

/// Files in memory are named by whoever shares this process; a caller from outside could name another's Secret.
fn no_files_of_this_process(req: &message::CreateContainerRequest) -> Result<(), Error> {
    let mounts = req.config.iter().flat_map(|it| &it.mounts);
    match mounts.into_iter().find(|it| it.host_path.starts_with(files::SCHEME)) {
        Some(mount) => Err(Error::Invalid(format!("`{}` is no path of this host", mount.host_path))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn a_call_that_outlives_its_caller_is_dropped_and_says_so() {
        let (held, mut freed) = tokio::sync::oneshot::channel::<()>();
        let endless: Reply<'_, ()> = Box::pin(async move {
            let _held = held;
            std::future::pending().await
        });
        let expired = answer("endless", Some(Duration::from_millis(1)), endless).await.unwrap_err();
        assert_eq!(expired.code(), Code::DeadlineExceeded);
        assert!(freed.try_recv().is_err_and(|err| err == tokio::sync::oneshot::error::TryRecvError::Closed));
    }
}
