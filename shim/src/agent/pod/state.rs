//! What the agent remembers of a pod that it runs: all that `phase` and `status` decide from, besides the pod itself.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::phase::Which;
use super::record::Record;

/// Where a pod is in its state. kubectl's words (`ContainerCreating`, `CrashLoopBackOff`) are derived in `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It shall run.
    Sync,
    /// It shall end, or has ended by itself: what runs is stopped.
    Terminating,
    /// Nothing of it runs any more, nor will.
    Terminated,
}

/// What the agent remembers of a pod.
#[derive(Clone, Debug)]
pub(crate) struct PodState {
    /// Where it is.
    pub(crate) stage: Stage,
    /// When the agent first saw it.
    pub(crate) started_at: Timestamp,
    /// Whether its volumes are there.
    pub(crate) volumes: Volumes,
    /// What its containers share.
    pub(crate) sandbox: Sandbox,
    /// Why it ended, when that was not its containers' doing.
    pub(crate) cause: Option<Cause>,
    /// Its init containers, in order.
    pub(crate) init: Vec<Record>,
    /// Its containers, in order.
    pub(crate) main: Vec<Record>,
    /// When conditions changed last.
    pub(crate) transitions: Vec<Transition>,
    /// Ephemeral containers that an event told of.
    pub(crate) ephemeral_told: usize,
}

/// Whether a pod's volumes are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volumes {
    /// Not yet; not tried before this moment again.
    Wanted(Timestamp),
    /// They are.
    Mounted(Mounted),
}

/// When volumes that are there must be brought up to date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounted {
    /// What they show has changed since this moment, or could not be had then and is asked for again.
    pub(crate) stale_at: Option<Timestamp>,
    /// When their tokens must be renewed, if they have any.
    pub(crate) renew_at: Option<Timestamp>,
    /// The labels and annotations that they show, hashed, if they show any.
    pub(crate) labels: Option<u64>,
}

/// What a pod's containers share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sandbox {
    /// It was not made yet; not tried before this moment again.
    Wanted(Timestamp),
    /// It is ready.
    Ready {
        /// Its id.
        id: String,
        /// The pod's address.
        ip: String,
    },
    /// It was stopped.
    Stopped {
        /// The address that the pod had, if any.
        ip: Option<String>,
    },
}

/// Why a pod ended, when that was not its containers' doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// One word.
    pub(crate) reason: String,
    /// A sentence.
    pub(crate) message: String,
}

/// When a condition changed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    /// The condition's type.
    pub(crate) condition: String,
    /// Its status since.
    pub(crate) status: String,
    /// Since when.
    pub(crate) at: Timestamp,
}

// === impl PodState ===

impl PodState {
    /// The state of a pod that was never run here.
    pub(crate) fn new(pod: &Pod, now: Timestamp) -> Self {
        let spec = pod.spec.as_ref();
        let names = |containers: Option<&Vec<k8s_openapi::api::core::v1::Container>>| {
            containers.into_iter().flatten().map(|it| Record::new(&it.name)).collect()
        };
        Self {
            stage: Stage::Sync,
            started_at: now,
            volumes: Volumes::Wanted(now),
            sandbox: Sandbox::Wanted(now),
            cause: None,
            init: names(spec.and_then(|it| it.init_containers.as_ref())),
            main: names(spec.map(|it| &it.containers)),
            transitions: Vec::new(),
            ephemeral_told: 0,
        }
    }

    /// All its containers, init containers first.
    pub(crate) fn records_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.init.iter_mut().chain(&mut self.main)
    }

    /// All its containers, init containers first, with their places.
    pub(crate) fn containers(&self) -> impl Iterator<Item = (Which, &Record)> {
        let init = self.init.iter().enumerate().map(|(index, it)| (Which::Init(index), it));
        init.chain(self.main.iter().enumerate().map(|(index, it)| (Which::Main(index), it)))
    }

    /// What of it runs: the container and the id of its run.
    pub(crate) fn running(&self) -> Vec<(Which, String)> {
        let running = self.containers().filter(|(_, it)| it.running());
        running.filter_map(|(which, it)| Some((which, it.run.as_ref()?.id.clone()))).collect()
    }

    /// One of its containers.
    pub(crate) fn record(&mut self, which: Which) -> &mut Record {
        match which {
            Which::Init(index) => &mut self.init[index],
            Which::Main(index) => &mut self.main[index],
        }
    }

    /// The address that the pod has or had.
    pub(crate) fn ip(&self) -> Option<&str> {
        match &self.sandbox {
            Sandbox::Wanted(_) => None,
            Sandbox::Ready { ip, .. } => Some(ip),
            Sandbox::Stopped { ip } => ip.as_deref(),
        }
    }

    /// Notes that nothing of it runs any more.
    pub(crate) fn stopped(&mut self) {
        self.sandbox = Sandbox::Stopped { ip: self.ip().map(str::to_owned) };
        self.stage = Stage::Terminated;
    }
}

// === impl Mounted ===

impl Mounted {
    /// The next moment at which they must be brought up to date.
    pub(crate) fn refresh_at(self) -> Option<Timestamp> {
        self.stale_at.into_iter().chain(self.renew_at).min()
    }
}
