//! Divides the threads between programs that are busy at once, by weight.
//!
//! # Flow
//! Every busy program has a virtual time that runs slower the more it weighs. At a tick, a program that is ahead of the
//! one furthest behind waits until that one has caught up. Nobody waits while there is a thread for everyone, and who
//! was idle starts level: it has saved up nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::ticker::TICK;

/// A program is idle if it came to no tick for so long, and not for so many turns of all others: on a machine that is
/// busy with other things time alone says little.
const IDLE_AFTER: Duration = Duration::from_millis(50);
const IDLE_AFTER_TURNS: u64 = 20;
/// But after this it is, however few turns others had: where one program alone is busy, it would wait for all that ever were.
const IDLE_FOR_SURE: Duration = Duration::from_secs(1);
/// What is waited for before looking again whether the others have caught up.
const PAUSE_MAX: Duration = Duration::from_millis(10);
/// And how often: the others may have gone idle, which only their silence tells.
const PAUSES_MAX: u32 = 10;
/// The weight whose virtual time is real time: a whole core, as in cgroup v1.
const WEIGHT_UNIT: u64 = 1024;

/// The programs that are busy now.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    round: Mutex<Round>,
}

#[derive(Debug, Default)]
struct Round {
    ticks: u64,
    busy: Vec<Busy>,
}

#[derive(Debug)]
struct Busy {
    id: usize,
    weight: u64,
    virtual_nanos: u64,
    seen: Instant,
    seen_tick: u64,
}

impl Shares {
    /// How long the program `id`, which just used `used_nanos`, must wait for the others.
    pub(super) fn ahead(&self, id: usize, weight: u32, used_nanos: u64, workers: usize, now: Instant) -> Duration {
        let mut round = self.round.lock();
        round.forget_idle(now);
        round.charge(id, weight.into(), used_nanos, now);
        round.ahead(id, workers)
    }

    /// Waits for the others, `pause` at first, until they have caught up.
    pub(super) async fn wait(self: Arc<Self>, id: usize, workers: usize, mut pause: Duration) {
        for _ in 0..PAUSES_MAX {
            if pause.is_zero() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = self.round.lock().ahead(id, workers);
        }
    }
}

impl Round {
    fn ahead(&self, id: usize, workers: usize) -> Duration {
        if self.busy.len() <= workers {
            return Duration::ZERO;
        }
        let own = self.busy.iter().find(|one| one.id == id).map_or(0, |own| own.virtual_nanos);
        let Some(last) = self.busy.iter().min_by_key(|one| one.virtual_nanos) else { return Duration::ZERO };
        let wait = Duration::from_nanos(own.saturating_sub(last.virtual_nanos) * last.weight / WEIGHT_UNIT);
        // Less than a tick is not worth a timer: its turn comes by itself.
        if wait < TICK { Duration::ZERO } else { wait.min(PAUSE_MAX) }
    }

    fn forget_idle(&mut self, now: Instant) {
        self.ticks += 1;
        let (ticks, ticks_max) = (self.ticks, IDLE_AFTER_TURNS * self.busy.len() as u64);
        self.busy.retain(|one| {
            let silent = now.saturating_duration_since(one.seen);
            silent < IDLE_AFTER || (silent < IDLE_FOR_SURE && ticks - one.seen_tick < ticks_max)
        });
    }

    /// A program that was idle starts level with the one furthest behind.
    fn charge(&mut self, id: usize, weight: u64, used_nanos: u64, now: Instant) {
        let seen_tick = self.ticks;
        if let Some(own) = self.busy.iter_mut().find(|one| one.id == id) {
            own.virtual_nanos += used_nanos * WEIGHT_UNIT / weight;
            (own.seen, own.seen_tick) = (now, seen_tick);
            return;
        }
        let virtual_nanos = self.busy.iter().map(|one| one.virtual_nanos).min().unwrap_or(0);
        self.busy.push(Busy { id, weight, virtual_nanos, seen: now, seen_tick });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets programs of these weights run in turn on one thread for a while, as ticks would; their parts in percent.
    fn parts(weights: &[u32]) -> Vec<u64> {
        let shares = Shares::default();
        let start = Instant::now();
        let tick = TICK.as_nanos() as u64;
        let (mut now_nanos, mut used) = (0, vec![0; weights.len()]);
        let mut free_at = vec![0; weights.len()];
        while now_nanos < 20_000_000_000 {
            let idle_since = now_nanos;
            for id in 0..weights.len() {
                if free_at[id] > now_nanos {
                    continue;
                }
                now_nanos += tick;
                used[id] += tick;
                let now = start + Duration::from_nanos(now_nanos);
                let wait = shares.ahead(id, weights[id], tick, 1, now);
                free_at[id] = now_nanos + wait.as_nanos() as u64;
            }
            if now_nanos == idle_since {
                now_nanos += 100_000;
            }
        }
        used.iter().map(|part| part * 100 / now_nanos).collect()
    }

    #[test]
    fn busy_programs_share_by_weight() {
        for (weights, expected) in [
            (&[100, 100][..], &[50, 50][..]),
            (&[100, 300], &[25, 75]),
            (&[1024, 1024, 2048], &[25, 25, 50]),
            (&[2, 2, 2, 2], &[25, 25, 25, 25]),
        ] {
            let parts = parts(weights);
            for (part, expected) in parts.iter().zip(expected) {
                assert!(part.abs_diff(*expected) <= 4, "{weights:?} got {parts:?}");
            }
        }
    }

    #[test]
    fn nobody_waits_while_there_is_a_thread_for_everyone() {
        let shares = Shares::default();
        let now = Instant::now();
        for _ in 0..10 {
            assert_eq!(shares.ahead(1, 2, 2_000_000, 2, now), Duration::ZERO);
            assert_eq!(shares.ahead(2, 1024, 2_000_000, 2, now), Duration::ZERO);
        }
    }

    #[test]
    fn nobody_waits_for_those_that_were_busy_once() {
        let shares = Shares::default();
        let start = Instant::now();
        for id in 0..100 {
            shares.ahead(id, 2, 2_000_000, 2, start);
        }
        let waits = (0..100).map(|tick| shares.ahead(7, 2, 2_000_000, 2, start + IDLE_FOR_SURE + TICK * tick));
        assert!(waits.into_iter().all(|wait| wait.is_zero()));
    }

    #[test]
    fn who_was_idle_has_saved_up_nothing() {
        let shares = Shares::default();
        let start = Instant::now();
        for tick in 0..100 {
            shares.ahead(1, 100, 2_000_000, 1, start + TICK * tick);
        }
        let now = start + TICK * 100;
        shares.ahead(2, 100, 2_000_000, 1, now);
        assert!(shares.ahead(1, 100, 2_000_000, 1, now) < PAUSE_MAX);
    }
}
