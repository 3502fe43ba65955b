//! Divides the threads between programs that are busy at once, by weight.
//!
//! # Flow
//! Every busy program has a virtual time that runs slower the more it weighs. At a tick, a program that is ahead of the
//! one furthest behind waits until that one has caught up. Nobody waits while there is a thread for everyone, and who
//! was idle starts level: it has saved up nothing.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::ticker::TICK;

/// A program that has not come to a tick for so long is idle.
const BUSY_FOR: Duration = Duration::from_millis(50);
/// What is waited for at once, well below `BUSY_FOR`, so that a program that waits still counts as busy.
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// The weight whose virtual time is real time: a whole core, as in cgroup v1.
const WEIGHT_UNIT: u64 = 1024;

/// The programs that are busy now.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    busy: Mutex<Vec<Busy>>,
}

#[derive(Debug)]
struct Busy {
    id: usize,
    weight: u64,
    virtual_nanos: u64,
    seen: Instant,
}

impl Shares {
    /// How long the program `id`, which just used `used_nanos`, must wait for the others.
    pub(super) fn ahead(&self, id: usize, weight: u32, used_nanos: u64, workers: usize, now: Instant) -> Duration {
        let mut busy = self.busy.lock();
        busy.retain(|other| other.id == id || now.saturating_duration_since(other.seen) < BUSY_FOR);
        charge(&mut busy, id, weight.into(), used_nanos, now);
        if busy.len() <= workers {
            return Duration::ZERO;
        }
        let own = busy.iter().find(|one| one.id == id).map_or(0, |own| own.virtual_nanos);
        let Some(last) = busy.iter().min_by_key(|one| one.virtual_nanos) else { return Duration::ZERO };
        let wait = Duration::from_nanos((own - last.virtual_nanos) * last.weight / WEIGHT_UNIT);
        // Less than a tick is not worth a timer: its turn comes by itself.
        if wait < TICK { Duration::ZERO } else { wait.min(PAUSE_MAX) }
    }
}

fn charge(busy: &mut Vec<Busy>, id: usize, weight: u64, used_nanos: u64, now: Instant) {
    let virtual_nanos = used_nanos * WEIGHT_UNIT / weight;
    let level = busy.iter().filter(|one| one.id != id).map(|one| one.virtual_nanos).min();
    match busy.iter_mut().find(|one| one.id == id) {
        Some(own) if now.saturating_duration_since(own.seen) < BUSY_FOR => {
            own.virtual_nanos += virtual_nanos;
            own.seen = now;
        }
        Some(own) => *own = Busy { id, weight, virtual_nanos: level.unwrap_or(0), seen: now },
        None => busy.push(Busy { id, weight, virtual_nanos: level.unwrap_or(0), seen: now }),
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
