//! Events: what controllers tell people. Repetitions are counted instead of written again, and floods are cut off.
//!
//! # Flow
//! `Recorder::record` → a bounded channel → one writer that correlates and calls the API. A full channel loses events:
//! they are a courtesy, and must never hold up the work.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    api::{Api, Patch, Resource, Target},
    clock::{self, Time},
    kinds,
    meta::Meta,
};

/// So many events may wait to be written.
const WAITING_MAX: usize = 1000;
/// So many different events are remembered, to count their repetitions.
const REMEMBERED_MAX: usize = 1024;
/// So many events within the window that differ in their message only become one, as upstream's aggregator does.
const SIMILAR_MAX: usize = 10;
const SIMILAR_WINDOW_SECONDS: i64 = 600;
/// One object may have a burst of so many events, and then one more each refill, as upstream's spam filter does.
const BURST_MAX: f64 = 25.0;
const REFILL_SECONDS: f64 = 300.0;

/// Whether an event is good or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) enum Type {
    Normal,
    Warning,
}

/// The object that an event is about.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Regarding {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) api_version: String,
    pub(crate) resource_version: String,
}

/// Something to tell.
#[derive(Clone, Debug)]
struct Note {
    component: &'static str,
    regarding: Regarding,
    event_type: Type,
    reason: &'static str,
    message: String,
}

/// Takes events of one controller.
#[derive(Clone)]
pub(crate) struct Recorder {
    component: &'static str,
    notes: mpsc::Sender<Note>,
}

// === impl Regarding ===

impl Regarding {
    /// The object of `resource` with this metadata.
    pub(crate) fn of(resource: &Resource, meta: &Meta) -> Self {
        Self {
            kind: resource.kind.to_string(),
            namespace: meta.namespace.to_string(),
            name: meta.name.to_string(),
            uid: meta.uid.to_string(),
            api_version: resource.api_version(),
            resource_version: meta.resource_version.to_string(),
        }
    }
}

// === impl Recorder ===

impl Recorder {
    /// A recorder and what writes its events; `run` must be driven.
    pub(crate) fn new(api: Api, cancel: CancellationToken) -> (Self, impl Future<Output = ()> + use<>) {
        let (notes, waiting) = mpsc::channel(WAITING_MAX);
        (Self { component: "", notes }, run(api, waiting, cancel))
    }

    /// The recorder of another component, with the same writer.
    pub(crate) fn named(&self, component: &'static str) -> Self {
        Self { component, notes: self.notes.clone() }
    }

    /// Tells something. Loses it if too many wait.
    pub(crate) fn record(&self, regarding: Regarding, event_type: Type, reason: &'static str, message: String) {
        let note = Note { component: self.component, regarding, event_type, reason, message };
        if self.notes.try_send(note).is_err() {
            debug!("lost an event");
        }
    }
}

async fn run(api: Api, mut waiting: mpsc::Receiver<Note>, cancel: CancellationToken) {
    let mut correlator = Correlator::default();
    let write = async {
        while let Some(note) = waiting.recv().await {
            let Some(written) = correlator.correlate(note, Time::now()) else { continue };
            write(&api, &written).await;
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = write => {}
    }
}

/// An event as it is to stand in the API.
#[derive(Clone, Debug)]
struct Written {
    note: Note,
    name: Arc<str>,
    count: u32,
    first: Time,
    last: Time,
}

async fn write(api: &Api, event: &Written) {
    let namespace = match event.note.regarding.namespace.as_str() {
        "" => "default",
        namespace => namespace,
    };
    let target = Target { resource: &kinds::EVENTS, namespace, name: &event.name };
    if event.count > 1 {
        let patch = json!({"count": event.count, "lastTimestamp": event.last, "message": event.note.message});
        match api.patch::<serde::de::IgnoredAny>(target, "", Patch::Merge, &patch).await {
            Err(error) if error.is_not_found() => {}
            Err(error) => return debug!(reason = error.message(), "event not counted"),
            Ok(_) => return,
        }
    }
    let note = &event.note;
    let object = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": event.name, "namespace": namespace},
        "involvedObject": note.regarding,
        "reason": note.reason,
        "message": note.message,
        "source": {"component": note.component},
        "firstTimestamp": event.first,
        "lastTimestamp": event.last,
        "count": event.count,
        "type": note.event_type,
        "eventTime": null,
        "reportingComponent": note.component,
        "reportingInstance": "",
    });
    if let Err(error) = api.create::<serde::de::IgnoredAny>(&kinds::EVENTS, namespace, &object).await {
        debug!(reason = error.message(), "event not written");
    }
}

/// What was told lately.
#[derive(Default)]
struct Correlator {
    told: Bounded<(Similar, String), Told>,
    similar: Bounded<Similar, (HashSet<String>, Time)>,
    budgets: Bounded<(&'static str, String), (f64, Time)>,
}

/// Events that differ in their message only.
type Similar = (&'static str, String, Type, &'static str);

#[derive(Clone)]
struct Told {
    name: Arc<str>,
    count: u32,
    first: Time,
}

impl Correlator {
    /// The event to write for `note`; `None` if its object has had too many.
    fn correlate(&mut self, mut note: Note, now: Time) -> Option<Written> {
        let uid = note.regarding.uid.clone();
        let similar = (note.component, uid.clone(), note.event_type, note.reason);
        let (messages, since) = self.similar.entry(similar.clone(), || (HashSet::new(), now));
        if now > since.plus(SIMILAR_WINDOW_SECONDS) {
            messages.clear();
            *since = now;
        }
        if messages.len() < SIMILAR_MAX {
            messages.insert(note.message.clone());
        }
        let key = match messages.len() >= SIMILAR_MAX {
            true => {
                note.message = format!("(combined from similar events): {}", note.message);
                (similar, String::new())
            }
            false => (similar, note.message.clone()),
        };
        let (tokens, filled) = self.budgets.entry((note.component, uid), || (BURST_MAX, now));
        let refill = now.after(*filled).as_secs_f64() / REFILL_SECONDS;
        (*tokens, *filled) = ((*tokens + refill).min(BURST_MAX), now);
        if *tokens < 1.0 {
            return None;
        }
        *tokens -= 1.0;
        let told = self.told.entry(key, || Told {
            name: format!("{}.{}", note.regarding.name, clock::event_suffix()).into(),
            count: 0,
            first: now,
        });
        told.count += 1;
        Some(Written { name: told.name.clone(), count: told.count, first: told.first, last: now, note })
    }
}

/// A map that forgets its oldest entry when it is full.
struct Bounded<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Clone + Eq + std::hash::Hash, V> Bounded<K, V> {
    fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) {
            if self.order.len() == REMEMBERED_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        self.entries.entry(key).or_insert_with(new)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn note(message: &str) -> Note {
        let regarding = Regarding {
            kind: "ReplicaSet".into(),
            namespace: "ns".into(),
            name: "web".into(),
            uid: "1".into(),
            api_version: "apps/v1".into(),
            resource_version: "1".into(),
        };
        let (component, event_type, reason) = ("replicaset-controller", Type::Normal, "SuccessfulCreate");
        Note { component, regarding, event_type, reason, message: message.to_owned() }
    }

    #[test]
    fn the_same_event_is_counted() {
        let mut correlator = Correlator::default();
        let first = correlator.correlate(note("a"), Time(0)).unwrap();
        let second = correlator.correlate(note("a"), Time(1)).unwrap();
        assert_eq!((first.name.clone(), 2, Time(0), Time(1)), (second.name, second.count, second.first, second.last));
        assert_eq!(first.count, 1);
    }

    #[test]
    fn many_similar_events_become_one() {
        let mut correlator = Correlator::default();
        let written: Vec<_> = (0..12).map(|n| correlator.correlate(note(&n.to_string()), Time(0)).unwrap()).collect();
        assert_eq!(written[8].note.message, "8");
        assert_eq!(written[9].note.message, "(combined from similar events): 9");
        assert_eq!((written[9].count, written[10].count), (1, 2));
        assert_eq!(written[9].name, written[10].name);
    }

    #[test]
    fn a_flood_is_cut_off_and_comes_back_slowly() {
        let mut correlator = Correlator::default();
        let written = (0..100).filter_map(|_| correlator.correlate(note("a"), Time(0))).count();
        assert_eq!(written, 25);
        assert!(correlator.correlate(note("a"), Time(299)).is_none());
        assert!(correlator.correlate(note("a"), Time(600)).is_some());
    }
}
