//! What the agent remembers of a pod that it runs: all that `phase` and `status` decide from, besides the pod itself.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::restart::BackOff;

/// Where a pod is in its life. kubectl's words (`ContainerCreating`, `CrashLoopBackOff`) are derived in `status`.
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
pub(crate) struct Life {
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
}

/// Whether a pod's volumes are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volumes {
    /// Not yet; not tried before this moment again.
    Wanted(Timestamp),
    /// They are.
    Mounted,
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

/// One container of a pod, through all its runs.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Its name.
    pub(crate) name: String,
    /// Runs after the first.
    pub(crate) restarts: u32,
    /// The latest run.
    pub(crate) run: Option<Run>,
    /// The run before, which has ended.
    pub(crate) last: Option<Run>,
    /// Why it does not start, and when to try again.
    pub(crate) blocked: Option<Blocked>,
    /// How long the next restart waits.
    pub(crate) back_off: Option<BackOff>,
    /// Why its image could not be had.
    pub(crate) pull: Option<PullFailure>,
    /// It runs, and must not any more.
    pub(crate) unhealthy: Option<Unhealthy>,
    /// Its startup probe passed, or it has none.
    pub(crate) started: bool,
    /// Its readiness probe passed, or it has none.
    pub(crate) ready: bool,
}

/// One run of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// CRI's id.
    pub(crate) id: String,
    /// The image that the pod asked for.
    pub(crate) image: String,
    /// The image's id.
    pub(crate) image_id: String,
    /// When it started; the beginning of time if it never did.
    pub(crate) started_at: Timestamp,
    /// How it ended, if it has.
    pub(crate) ended: Option<End>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Its exit code.
    pub(crate) code: i32,
    /// CRI's word.
    pub(crate) reason: String,
    /// The termination message.
    pub(crate) message: String,
    /// When.
    pub(crate) finished_at: Timestamp,
}

/// Why a container does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// kubectl's word.
    pub(crate) reason: &'static str,
    /// A sentence.
    pub(crate) message: String,
    /// Not tried before this moment again.
    pub(crate) until: Timestamp,
}

/// Why an image could not be had, and when to ask for it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PullFailure {
    /// How often in a row.
    pub(crate) failures: u32,
    /// Why, the last time.
    pub(crate) message: String,
    /// Not asked for before this moment again.
    pub(crate) until: Timestamp,
}

/// Why a container that runs must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unhealthy {
    /// As events tell it: `failed liveness probe`.
    pub(crate) why: &'static str,
    /// The probe's own grace period, if it has one.
    pub(crate) grace_seconds: Option<i64>,
}

// === impl Life ===

impl Life {
    /// The life of a pod that was never run here.
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
        }
    }

    /// All its containers, init containers first.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.init.iter().chain(&self.main)
    }

    /// All its containers, init containers first.
    pub(crate) fn records_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.init.iter_mut().chain(&mut self.main)
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

// === impl Record ===

impl Record {
    /// A container that has not run.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            restarts: 0,
            run: None,
            last: None,
            blocked: None,
            back_off: None,
            pull: None,
            unhealthy: None,
            started: false,
            ready: false,
        }
    }

    /// Whether it runs.
    pub(crate) fn running(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.ended.is_none())
    }

    /// How its latest run ended.
    pub(crate) fn ended(&self) -> Option<&End> {
        self.run.as_ref().and_then(|run| run.ended.as_ref())
    }

    /// Whether its latest run ended well.
    pub(crate) fn succeeded(&self) -> bool {
        self.ended().is_some_and(|end| end.code == 0)
    }

    /// Notes a new run.
    pub(crate) fn begin(&mut self, run: Run) {
        if let Some(before) = self.run.replace(run) {
            self.last = Some(before);
            self.restarts += 1;
        }
        self.blocked = None;
        self.unhealthy = None;
        self.pull = None;
        (self.started, self.ready) = (false, false);
    }
}
