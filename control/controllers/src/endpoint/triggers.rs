//! When the change happened that an endpoint object is written for: what `last-change-trigger-time` says.
//!
//! It is the earliest time of what is new since the last look: a pod's readiness, or the Service itself.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use crate::{
    clock::Time,
    meta::Key,
    view::{pod::Pod, service::Service},
};

/// What has been seen of each Service. A pod takes two words.
#[derive(Default)]
pub(crate) struct Triggers {
    seen: Mutex<HashMap<Key, Seen>>,
}

#[derive(Default)]
struct Seen {
    service: Time,
    pods: HashMap<u64, Time>,
}

// === impl Triggers ===

impl Triggers {
    /// The time of the earliest change since the last call; `None` if nothing has a new time.
    pub(crate) fn next<'a>(&self, service: &Service, pods: impl Iterator<Item = &'a Pod>) -> Option<Time> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(service.metadata.key()).or_default();
        let created = service.metadata.creation_timestamp.unwrap_or_default();
        let mut earliest = (created > std::mem::replace(&mut seen.service, created)).then_some(created);
        let mut times = HashMap::new();
        for pod in pods {
            let Some(since) = pod.status.ready.and_then(|ready| ready.since) else { continue };
            let mut hasher = DefaultHasher::new();
            pod.metadata.name.hash(&mut hasher);
            let pod = hasher.finish();
            if seen.pods.get(&pod).is_none_or(|before| *before < since) {
                earliest = Some(earliest.map_or(since, |earliest| earliest.min(since)));
            }
            times.insert(pod, since);
        }
        seen.pods = times;
        earliest
    }

    /// Forgets a Service that is gone, and answers whether it had been seen.
    pub(crate) fn forget(&self, service: &Key) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(service).is_some()
    }
}
