//! What the agent remembers of a pod that it runs: all that `phase` and `status` decide from, besides the pod itself.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::restart::BackOff;

/// Where a pod is in its life. kubectl's words (`ContainerCreating`, `CrashLoopBackOff`) are derived in `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It shall run.
    Sync,
    /// It shall end, or has ended by itself: what runs is stopped.
    Terminating,
    /// Nothing of it runs any more, nor will.
    Terminated,
}

/// What the agent remembers of a pod.
#[derive(Clone, Debug)]
pub struct Life {
    /// Where it is.
    pub stage: Stage,
    /// When the agent first saw it.
    pub started_at: Timestamp,
    /// Whether its volumes are there.
    pub volumes: Volumes,
    /// What its containers share.
    pub sandbox: Sandbox,
    /// Why it ended, when that was not its containers' doing.
    pub cause: Option<Cause>,
    /// Its init containers, in order.
    pub init: Vec<Record>,
    /// Its containers, in order.
    pub main: Vec<Record>,
    /// When conditions changed last.
    pub transitions: Vec<Transition>,
}

/// Whether a pod's volumes are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volumes {
    /// Not yet; not tried before this moment again.
    Wanted(Timestamp),
    /// They are.
    Mounted,
}

/// What a pod's containers share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandbox {
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
pub struct Cause {
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// When a condition changed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The condition's type.
    pub condition: String,
    /// Its status since.
    pub status: String,
    /// Since when.
    pub at: Timestamp,
}

/// One container of a pod, through all its runs.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// Runs after the first.
    pub restarts: u32,
    /// The latest run.
    pub run: Option<Run>,
    /// The run before, which has ended.
    pub last: Option<Run>,
    /// Why it does not start, and when to try again.
    pub blocked: Option<Blocked>,
    /// How long the next restart waits.
    pub back_off: Option<BackOff>,
    /// How often an image could not be had in a row.
    pub pull_failures: u32,
    /// A liveness or startup probe failed: it shall be ended.
    pub unhealthy: Option<Unhealthy>,
    /// Its startup probe passed, or it has none.
    pub started: bool,
    /// Its readiness probe passed, or it has none.
    pub ready: bool,
}

/// One run of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// CRI's id.
    pub id: String,
    /// The image's id.
    pub image_id: String,
    /// When it started; the beginning of time if it never did.
    pub started_at: Timestamp,
    /// How it ended, if it has.
    pub ended: Option<End>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its exit code.
    pub code: i32,
    /// CRI's word.
    pub reason: String,
    /// The termination message.
    pub message: String,
    /// When.
    pub finished_at: Timestamp,
}

/// Why a container does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// kubectl's word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
    /// Not tried before this moment again.
    pub until: Timestamp,
}

/// Which probe says that a container must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unhealthy {
    /// `liveness` or `startup`.
    pub probe: &'static str,
    /// Its own grace period, if it has one.
    pub grace_seconds: Option<i64>,
}

// === impl Life ===

impl Life {
    /// The life of a pod that was never run here.
    pub fn new(pod: &Pod, now: Timestamp) -> Self {
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
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.init.iter().chain(&self.main)
    }

    /// All its containers, init containers first.
    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.init.iter_mut().chain(&mut self.main)
    }

    /// The address that the pod has or had.
    pub fn ip(&self) -> Option<&str> {
        match &self.sandbox {
            Sandbox::Wanted(_) => None,
            Sandbox::Ready { ip, .. } => Some(ip),
            Sandbox::Stopped { ip } => ip.as_deref(),
        }
    }

    /// Notes that nothing of it runs any more.
    pub fn stopped(&mut self) {
        self.sandbox = Sandbox::Stopped { ip: self.ip().map(str::to_owned) };
        self.stage = Stage::Terminated;
    }
}

// === impl Record ===

impl Record {
    /// A container that has not run.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            restarts: 0,
            run: None,
            last: None,
            blocked: None,
            back_off: None,
            pull_failures: 0,
            unhealthy: None,
            started: false,
            ready: false,
        }
    }

    /// Whether it runs.
    pub fn running(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.ended.is_none())
    }

    /// How its latest run ended.
    pub fn ended(&self) -> Option<&End> {
        self.run.as_ref().and_then(|run| run.ended.as_ref())
    }

    /// Whether its latest run ended well.
    pub fn succeeded(&self) -> bool {
        self.ended().is_some_and(|end| end.code == 0)
    }

    /// Notes a new run.
    pub fn begin(&mut self, run: Run) {
        if let Some(before) = self.run.replace(run) {
            self.last = Some(before);
            self.restarts += 1;
        }
        self.blocked = None;
        self.unhealthy = None;
        self.pull_failures = 0;
        (self.started, self.ready) = (false, false);
    }
}
