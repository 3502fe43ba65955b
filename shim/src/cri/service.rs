//! CRI over the runtime of this process: the table of calls, and what they share.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};

use futures::stream::{self, StreamExt};
use k8s_openapi::jiff::Timestamp;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use runtime::{Instance, Runtime};
use tokio::sync::broadcast;
use tokio_util::task::TaskTracker;

use super::address::AddressPool;
use super::error::Error;
use super::files::FileSets;
use super::message::{self, ContainerEventResponse, ContainerEventType};
use super::record::{Kind, Records};
use super::state::{Program, Sandbox, State};
use super::stream::{self as streams, Ticket, Tickets};
use super::{ImageService, Replies, Reply, RuntimeService, container, image, metrics, node, sandbox};

/// Events that a slow listener may be behind.
const EVENTS_MAX: usize = 1024;
/// Rows in one message of a list that is streamed.
const STREAM_ROWS_MAX: usize = 256;
/// Random bytes in an id.
const ID_BYTES: usize = 16;

/// CRI over the runtime of this process.
#[derive(Debug)]
pub struct Service {
    pub(super) runtime: Arc<Runtime>,
    pub(super) state: Mutex<State>,
    pub(super) addresses: Mutex<AddressPool>,
    pub(super) records: Records,
    /// Waits for programs to end; each of its tasks lives as long as one program.
    pub(super) waiters: TaskTracker,
    /// What waiters hold: they outlive the call that started them.
    pub(super) me: Weak<Self>,
    files: Arc<FileSets>,
    /// Shared, because the channel has room for all of them from the start.
    events: broadcast::Sender<Arc<ContainerEventResponse>>,
    random: SystemRandom,
    /// Where clients of streams come to, if anywhere.
    tickets: OnceLock<Tickets>,
    network: String,
    config: String,
}

/// What a service is made from.
#[derive(Debug)]
pub struct Setup {
    /// Sandboxes get their addresses from `network/prefix_len`.
    pub network: Ipv4Addr,
    /// How many bits of `network` are fixed.
    pub prefix_len: u8,
    /// Where records are kept, so that a restart forgets nothing.
    pub records: PathBuf,
    /// What a verbose `Status` shows of how this process was started, in JSON.
    pub config: String,
}

/// Why a service did not open.
#[derive(Debug, thiserror::Error)]
#[error("read the records in `{dir}`")]
pub struct OpenError {
    dir: PathBuf,
    #[source]
    source: io::Error,
}

impl Service {
    /// A service that knows again what its records tell; programs that ran have ended.
    ///
    /// # Errors
    /// The records cannot be read or kept.
    pub fn open(runtime: Arc<Runtime>, setup: Setup) -> Result<Arc<Self>, OpenError> {
        let opened = Records::open(&setup.records).and_then(|(records, sandboxes, containers)| {
            let lost: Vec<String> =
                containers.iter().filter(|it| it.finished_at == 0).map(|it| it.id.clone()).collect();
            let state = State::restored(sandboxes, containers, now());
            for container in lost.iter().filter_map(|id| state.containers.get(id)) {
                records.write_now(Kind::Container, &container.id, &container.record())?;
            }
            Ok((records, state))
        });
        let (records, state) = opened.map_err(|source| OpenError { dir: setup.records, source })?;
        Ok(Self::over(runtime, (setup.network, setup.prefix_len), setup.config, records, state))
    }

    /// A service that keeps no records: for an agent in this process, which remembers by itself.
    pub fn new(runtime: Arc<Runtime>, network: Ipv4Addr, prefix_len: u8) -> Arc<Self> {
        let config = serde_json::json!({"agent": true}).to_string();
        Self::over(runtime, (network, prefix_len), config, Records::none(), State::default())
    }

    fn over(
        runtime: Arc<Runtime>,
        (network, prefix_len): (Ipv4Addr, u8),
        config: String,
        records: Records,
        state: State,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            runtime,
            state: Mutex::new(state),
            addresses: Mutex::new(AddressPool::new(network, prefix_len)),
            records,
            waiters: TaskTracker::new(),
            me: Weak::clone(me),
            files: Arc::default(),
            events: broadcast::channel(EVENTS_MAX).0,
            random: SystemRandom::new(),
            tickets: OnceLock::new(),
            network: format!("{network}/{prefix_len}"),
            config,
        })
    }

    /// The files in memory that mounts can name.
    pub fn files(&self) -> &Arc<FileSets> {
        &self.files
    }

    /// Whether logs go with their containers. Where nobody in this process remembers its pods, callers own the logs: a
    /// kubelet and crictl remove them by themselves, and complain of one that is gone.
    pub(super) fn owns_logs(&self) -> bool {
        !self.records.are_kept()
    }

    pub(super) fn network(&self) -> &str {
        &self.network
    }

    pub(super) fn config(&self) -> &str {
        &self.config
    }

    pub(super) fn new_id(&self) -> String {
        let mut bytes = [0; ID_BYTES];
        self.random.fill(&mut bytes).expect("the system's random source does not fail once it works");
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// From now on clients of streams come to `tickets`; the first to say so stays.
    pub(super) fn stream_at(&self, tickets: Tickets) {
        if self.tickets.set(tickets).is_err() {
            tracing::warn!("a second listener for streams has no clients");
        }
    }

    pub(super) fn tickets(&self) -> Option<&Tickets> {
        self.tickets.get()
    }

    /// Where a client can do once what the ticket says.
    pub(super) fn url(&self, ticket: Ticket) -> Result<String, Error> {
        let tickets = self.tickets().ok_or_else(|| Error::State("nobody listens for streams here".to_owned()))?;
        tickets.url(self.new_id(), ticket)
    }

    /// The program of a container that runs.
    pub(super) fn running(&self, container_id: &str) -> Result<Instance, Error> {
        let state = self.state.lock();
        let container = state.container(container_id)?;
        match &container.program {
            Program::Started(instance) if container.is_running() => Ok(instance.clone()),
            Program::Started(_) | Program::Ready(_) | Program::Starting | Program::Gone => {
                Err(Error::State(format!("container `{container_id}` is not running")))
            }
        }
    }

    /// Tells the listeners what happened to a container.
    pub(super) fn tell(&self, state: &State, container_id: &str, event: ContainerEventType) {
        let sandbox = state.containers.get(container_id).and_then(|it| state.sandboxes.get(&it.sandbox_id));
        // Nobody listening is not an error.
        let _ = self.events.send(Arc::new(ContainerEventResponse {
            container_id: container_id.to_owned(),
            container_event_type: event.into(),
            created_at: now(),
            pod_sandbox_status: sandbox.map(Sandbox::status),
            containers_statuses: sandbox.map(|it| state.statuses_in(it)).unwrap_or_default(),
        }));
    }
}

/// Now, as CRI writes times.
pub(super) fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

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
            bits |me, _| container::events(me.events.subscribe()).boxed();

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
