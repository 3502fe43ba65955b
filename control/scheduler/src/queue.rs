//! Pods that wait for a node: those to look at now, by priority and age, and those that found none.
//!
//! # Guarantees
//! A pod that found no node is looked at again when something happened in the cluster that could help, after a pause
//! that grows with its attempts, and every few minutes in any case. The queue holds each pod once.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::{snapshot::PodKey, view::Pod};

/// The pause after a first failure doubles with each further one up to the second, as upstream's does.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// A pod that nothing has helped is looked at again after so long.
const UNHELPED_MAX: Duration = Duration::from_secs(300);

/// All pods that wait.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pods: HashMap<PodKey, Waiting>,
    /// What to look at now: the greatest priority first, then the order of coming.
    active: BTreeSet<(Reverse<i32>, u64, PodKey)>,
    /// What to look at later.
    resting: BTreeMap<(Instant, u64), PodKey>,
    came: u64,
}

/// One pod that waits.
#[derive(Debug)]
struct Waiting {
    pod: Arc<Pod>,
    place: Place,
    attempts: u32,
    /// When it last found no node.
    failed_at: Option<Instant>,
    /// What was last said of it.
    told: Option<String>,
}

#[derive(Debug)]
enum Place {
    Active(u64),
    Resting(Instant, u64),
    /// It was taken out to be scheduled.
    Out,
}

// === impl Queue ===

impl Queue {
    /// Takes in a pod. One that waits already gets another chance only if what it asks for has changed.
    pub(crate) fn put(&mut self, key: PodKey, pod: Arc<Pod>) {
        match self.pods.get_mut(&key) {
            Some(waiting) if waiting.pod.metadata.uid == pod.metadata.uid => {
                let same = waiting.pod.spec == pod.spec && waiting.pod.metadata.labels == pod.metadata.labels;
                waiting.pod = pod;
                if !same && !matches!(waiting.place, Place::Out) {
                    self.activate(&key);
                }
            }
            Some(_) | None => {
                self.remove(&key);
                let waiting = Waiting { pod, place: Place::Out, attempts: 0, failed_at: None, told: None };
                self.pods.insert(key.clone(), waiting);
                self.activate(&key);
            }
        }
    }

    /// Forgets a pod.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Some((key, waiting)) = self.pods.remove_entry(key) {
            self.leave(&key, &waiting.place, waiting.pod.spec.priority);
        }
    }

    /// Forgets all pods that `keep` does not name.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let gone: Vec<_> = self.pods.keys().filter(|key| !keep(key)).cloned().collect();
        gone.iter().for_each(|key| self.remove(key));
    }

    /// The next pod to schedule. It stays known until it is removed; `failed`, `retry` or `remove` must follow.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(PodKey, Arc<Pod>)> {
        while let Some(entry) = self.resting.first_entry()
            && entry.key().0 <= now
        {
            let key = entry.get().clone();
            self.activate(&key);
        }
        let (_, _, key) = self.active.pop_first()?;
        let waiting = self.pods.get_mut(&key)?;
        waiting.place = Place::Out;
        Some((key, waiting.pod.clone()))
    }

    /// When the next resting pod is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.resting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Puts a pod back that found no node, until something helps. Answers whether `message` is news.
    pub(crate) fn failed(&mut self, key: &str, message: &str, now: Instant) -> bool {
        let Some(waiting) = self.pods.get_mut(key) else { return false };
        waiting.attempts += 1;
        waiting.failed_at = Some(now);
        let is_news = waiting.told.as_deref() != Some(message);
        waiting.told = Some(message.to_owned());
        self.rest(key, now + UNHELPED_MAX);
        is_news
    }

    /// Puts a pod back whose node was found, but which could not be bound.
    pub(crate) fn retry(&mut self, key: &str, now: Instant) {
        let Some(waiting) = self.pods.get_mut(key) else { return };
        waiting.attempts += 1;
        // There was room for it, so that more room does not make it come sooner.
        waiting.failed_at = None;
        let at = now + back_off(waiting.attempts);
        self.rest(key, at);
    }

    /// Something happened that could help: every pod that found no node gets another chance after its pause.
    pub(crate) fn helped(&mut self, now: Instant) {
        let failed = |(key, waiting): (&PodKey, &Waiting)| {
            let due = waiting.failed_at? + back_off(waiting.attempts);
            matches!(waiting.place, Place::Resting(at, _) if at > due).then(|| (key.clone(), due))
        };
        let due: Vec<_> = self.pods.iter().filter_map(failed).collect();
        for (key, at) in due {
            if at <= now { self.activate(&key) } else { self.rest(&key, at) }
        }
    }

    fn activate(&mut self, key: &str) {
        self.came += 1;
        let came = self.came;
        self.place(key, Place::Active(came));
    }

    fn rest(&mut self, key: &str, at: Instant) {
        self.came += 1;
        let came = self.came;
        self.place(key, Place::Resting(at, came));
    }

    fn place(&mut self, key: &str, place: Place) {
        let Some((key, _)) = self.pods.get_key_value(key) else { return };
        let key = key.clone();
        let Some(waiting) = self.pods.get_mut(&key) else { return };
        let priority = waiting.pod.spec.priority;
        match place {
            Place::Active(came) => drop(self.active.insert((Reverse(priority), came, key.clone()))),
            Place::Resting(at, came) => drop(self.resting.insert((at, came), key.clone())),
            Place::Out => {}
        }
        let old = std::mem::replace(&mut waiting.place, place);
        self.leave(&key, &old, priority);
    }

    fn leave(&mut self, key: &PodKey, place: &Place, priority: i32) {
        match place {
            Place::Active(came) => drop(self.active.remove(&(Reverse(priority), *came, key.clone()))),
            Place::Resting(at, came) => drop(self.resting.remove(&(*at, *came))),
            Place::Out => {}
        }
    }
}

fn back_off(attempts: u32) -> Duration {
    BACK_OFF_MIN.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX)).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn pod(priority: i32) -> Arc<Pod> {
        let mut pod = Pod::default();
        pod.spec.priority = priority;
        Arc::new(pod)
    }

    fn next(queue: &mut Queue, now: Instant) -> Option<String> {
        queue.pop(now).map(|(key, _)| key.to_string())
    }

    #[test]
    fn priority_counts_before_age() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for (key, priority) in [("a", 0), ("b", 10), ("c", 0)] {
            queue.put(key.into(), pod(priority));
        }
        let order: Vec<_> = std::iter::from_fn(|| next(&mut queue, now)).collect();
        assert_eq!(order, ["b", "a", "c"]);
    }

    #[test]
    fn a_pod_that_found_no_node_waits_for_help_and_its_pause() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put("a".into(), pod(0));
        queue.pop(now).unwrap();
        assert!(queue.failed("a", "no", now));
        assert_eq!(next(&mut queue, now + BACK_OFF_MIN), None);
        queue.helped(now);
        assert_eq!(next(&mut queue, now), None);
        assert_eq!(next(&mut queue, now + BACK_OFF_MIN).unwrap(), "a");
        assert!(!queue.failed("a", "no", now));
        assert_eq!(next(&mut queue, now + UNHELPED_MAX).unwrap(), "a");
    }

    #[test]
    fn a_pod_that_changes_what_it_asks_for_is_looked_at_at_once() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put("a".into(), pod(0));
        queue.pop(now).unwrap();
        queue.failed("a", "no", now);
        queue.put("a".into(), pod(0));
        assert_eq!(next(&mut queue, now), None);
        queue.put("a".into(), pod(5));
        assert_eq!(next(&mut queue, now).unwrap(), "a");
    }
}
