//! CRI over the runtime of this process: what its calls share.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};

use k8s_openapi::jiff::Timestamp;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use runtime::{Instance, Runtime};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::task::TaskTracker;

use super::address::AddressPool;
use super::error::Error;
use super::files::FileSets;
use super::message::{ContainerEventResponse, ContainerEventType};
use super::record::{Kind, Records};
use super::state::{Program, Sandbox, State};
use super::stream::{CLIENTS_MAX, Ticket, Tickets};

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
    /// A place for each client that streams.
    clients: Arc<Semaphore>,
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
            clients: Arc::new(Semaphore::new(CLIENTS_MAX)),
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

    pub(super) fn clients(&self) -> &Arc<Semaphore> {
        &self.clients
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

    /// Hears what happens to containers from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<ContainerEventResponse>> {
        self.events.subscribe()
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
