//! Decides whether and when a container starts (again): the first restart at once, then after 10 s, 20 s … 5 min.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::record::{End, Record};

/// The wait before the second restart.
pub(crate) const BACK_OFF_MIN: SignedDuration = SignedDuration::from_secs(10);
/// The longest wait.
pub(crate) const BACK_OFF_MAX: SignedDuration = SignedDuration::from_secs(300);
/// A restart so long after the one before begins anew.
const BACK_OFF_RESET: SignedDuration = SignedDuration::from_secs(600);

/// A pod's `restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Whatever happens.
    Always,
    /// Unless it ended with 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// How long a container's next restart waits after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackOff {
    /// So long.
    pub(crate) delay: SignedDuration,
    /// When it restarted last.
    pub(crate) at: Timestamp,
}

/// Whether a container starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It runs.
    Running,
    /// It has ended and stays so.
    Done,
    /// Now.
    Start,
    /// Not before this moment: something it needs was not there.
    Retry(Timestamp),
    /// Not before this moment: it ended too soon.
    BackOff {
        /// When it starts.
        until: Timestamp,
        /// The whole wait.
        delay: SignedDuration,
    },
}

// === impl Policy ===

impl Policy {
    /// Reads a pod's field; what is unknown means `Always`, the default.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "Never" => Self::Never,
            "OnFailure" => Self::OnFailure,
            _ => Self::Always,
        }
    }

    /// What it means for an init container, which is done when it ended with 0.
    pub(crate) fn of_init(self) -> Self {
        match self {
            Self::Always | Self::OnFailure => Self::OnFailure,
            Self::Never => Self::Never,
        }
    }

    /// Whether a container that ended so starts again.
    pub(crate) fn restarts(self, end: &End) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => end.code != 0,
            Self::Never => false,
        }
    }
}

/// Whether and when a container starts.
pub(crate) fn verdict(policy: Policy, record: &Record, now: Timestamp) -> Verdict {
    let retry = record.blocked.as_ref().map(|it| it.until).filter(|until| *until > now);
    let Some(run) = &record.run else { return retry.map_or(Verdict::Start, Verdict::Retry) };
    let Some(end) = &run.ended else { return Verdict::Running };
    if !policy.restarts(end) {
        return Verdict::Done;
    }
    if let Some(until) = retry {
        return Verdict::Retry(until);
    }
    match live(record.back_off, now) {
        Some(BackOff { delay, .. }) if end.finished_at + delay > now => {
            Verdict::BackOff { until: end.finished_at + delay, delay }
        }
        Some(_) | None => Verdict::Start,
    }
}

/// The back-off after a restart at `now`.
pub(crate) fn after_restart(before: Option<BackOff>, now: Timestamp) -> BackOff {
    let delay = live(before, now).map_or(BACK_OFF_MIN, |it| (it.delay * 2).min(BACK_OFF_MAX));
    BackOff { delay, at: now }
}

/// The wait after `failures` in a row.
pub(crate) fn wait_after(failures: u32) -> SignedDuration {
    (BACK_OFF_MIN * 2_i32.saturating_pow(failures.saturating_sub(1).min(8))).min(BACK_OFF_MAX)
}

fn live(back_off: Option<BackOff>, now: Timestamp) -> Option<BackOff> {
    back_off.filter(|it| now.duration_since(it.at) <= BACK_OFF_RESET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let waits: Vec<i64> = (1..=8).map(|failures| wait_after(failures).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(wait_after(u32::MAX), BACK_OFF_MAX);
    }

    #[test]
    fn a_container_that_ran_for_long_restarts_at_once() {
        let start = Timestamp::UNIX_EPOCH;
        let first = after_restart(None, start);
        assert_eq!(first.delay, BACK_OFF_MIN);
        let second = after_restart(Some(first), start + SignedDuration::from_secs(30));
        assert_eq!(second.delay, BACK_OFF_MIN * 2);
        let much_later = second.at + BACK_OFF_RESET + SignedDuration::from_secs(1);
        assert_eq!(after_restart(Some(second), much_later).delay, BACK_OFF_MIN);
    }
}
