//! What the agent remembers of one container of a pod, through all its runs.

use k8s_openapi::jiff::Timestamp;

use super::restart::BackOff;

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
    /// kubectl's word for the last time.
    pub(crate) reason: &'static str,
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
    /// Notes that its run has ended.
    pub(crate) fn end(&mut self, end: End) {
        if let Some(run) = &mut self.run {
            run.ended = Some(end);
        }
        (self.started, self.ready, self.unhealthy) = (false, false, None);
    }
}
