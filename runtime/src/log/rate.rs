//! How fast a program may print.

use std::time::{Duration, Instant};

const RATE_BYTES_PER_SECOND: u64 = 1 << 20;
const BURST_BYTES: u64 = 1 << 20;

/// What a program has printed, against what it may.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// When the rate will have made up for what was printed.
    due: Option<Instant>,
}

impl Rate {
    pub(super) fn charge(&mut self, bytes: usize, now: Instant) {
        let cost = Duration::from_nanos(bytes as u64 * 1_000_000_000 / RATE_BYTES_PER_SECOND);
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + cost);
    }

    /// How long the program has to wait.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let burst = Duration::from_secs(BURST_BYTES / RATE_BYTES_PER_SECOND);
        self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now).saturating_sub(burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_over_its_rate_waits() {
        let mut rate = Rate::default();
        let now = Instant::now();
        rate.charge(BURST_BYTES as usize, now);
        assert_eq!(rate.wait(now), Duration::ZERO);
        rate.charge(RATE_BYTES_PER_SECOND as usize, now);
        assert_eq!(rate.wait(now), Duration::from_secs(1));
        assert_eq!(rate.wait(now + Duration::from_secs(1)), Duration::ZERO);
    }
}
