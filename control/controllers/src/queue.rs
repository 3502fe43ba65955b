//! The work queue of one controller: each key waits at most once, is worked on once at a time, and backs off when it fails.
//!
//! # Guarantees
//! A key that is added while it is worked on is worked on again afterwards. Its length is bounded by the number of
//! objects, since a key is in it at most once.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The pause after a first failure doubles with each further one up to the second, as upstream's rate limiter does.
const BACK_OFF_MIN: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1000);

/// Keys to work on.
pub(crate) struct Queue<K> {
    state: Mutex<State<K>>,
    changed: Notify,
}

struct State<K> {
    ready: VecDeque<K>,
    /// What waits in `ready`, or was added while it was worked on.
    dirty: HashSet<K>,
    working: HashSet<K>,
    /// When a key is to be added. The earliest time counts; later ones cost one look in vain.
    delayed: BinaryHeap<Reverse<(Instant, K)>>,
    failures: HashMap<K, u32>,
}

// === impl Queue ===

impl<K: Clone + Eq + Hash + Ord> Queue<K> {
    /// An empty queue.
    pub(crate) fn new() -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: HashSet::new(),
            working: HashSet::new(),
            delayed: BinaryHeap::new(),
            failures: HashMap::new(),
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Adds a key, unless it waits already.
    pub(crate) fn add(&self, key: K) {
        self.lock().add(key);
        self.changed.notify_one();
    }

    /// Adds a key after `delay`.
    pub(crate) fn add_after(&self, key: K, delay: Duration) {
        self.lock().delayed.push(Reverse((Instant::now() + delay, key)));
        self.changed.notify_one();
    }

    /// Adds a key after a pause that grows with each failure in a row.
    pub(crate) fn add_failed(&self, key: K) {
        let delay = {
            let mut state = self.lock();
            let failures = state.failures.entry(key.clone()).or_default();
            let delay = back_off(*failures);
            *failures += 1;
            delay
        };
        self.add_after(key, delay);
    }

    /// Forgets the failures of a key.
    pub(crate) fn forget(&self, key: &K) {
        self.lock().failures.remove(key);
    }

    /// How often in a row a key has failed.
    pub(crate) fn failures(&self, key: &K) -> u32 {
        self.lock().failures.get(key).copied().unwrap_or(0)
    }

    /// The next key; `done` must follow. Cancellation safe.
    pub(crate) async fn next(&self) -> K {
        loop {
            let (key, wake) = self.lock().take(Instant::now());
            if let Some(key) = key {
                return key;
            }
            match wake {
                Some(at) => tokio::select! {
                    () = self.changed.notified() => {}
                    () = sleep_until(at) => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// Says that the work on a key has ended.
    pub(crate) fn done(&self, key: &K) {
        let mut state = self.lock();
        state.working.remove(key);
        if state.dirty.contains(key) {
            state.ready.push_back(key.clone());
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash + Ord> State<K> {
    fn add(&mut self, key: K) {
        if self.dirty.insert(key.clone()) && !self.working.contains(&key) {
            self.ready.push_back(key);
        }
    }

    /// A key to work on, or when there may be one.
    fn take(&mut self, now: Instant) -> (Option<K>, Option<Instant>) {
        while let Some(Reverse((at, _))) = self.delayed.peek()
            && *at <= now
        {
            if let Some(Reverse((_, key))) = self.delayed.pop() {
                self.add(key);
            }
        }
        let Some(key) = self.ready.pop_front() else {
            return (None, self.delayed.peek().map(|Reverse((at, _))| *at));
        };
        self.dirty.remove(&key);
        self.working.insert(key.clone());
        (Some(key), None)
    }
}

fn back_off(failures: u32) -> Duration {
    BACK_OFF_MIN.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_waits_once_and_is_worked_on_once_at_a_time() {
        let queue = Queue::new();
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.next().await, "a");
        queue.add("a");
        queue.add("b");
        assert_eq!(queue.next().await, "b");
        queue.done(&"a");
        assert_eq!(queue.next().await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_key_waits_longer_each_time() {
        let queue = Queue::new();
        let start = Instant::now();
        for _ in 0..3 {
            queue.add_failed("a");
            assert_eq!(queue.next().await, "a");
            queue.done(&"a");
        }
        assert!(start.elapsed() >= BACK_OFF_MIN * 7);
        assert_eq!(back_off(40), BACK_OFF_MAX);
    }
}
