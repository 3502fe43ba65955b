//! Hands each change to the watchers it concerns, found through an index rather than by asking every watcher.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{Event, Query};

/// How many events may wait for one watcher before it is closed as too slow.
const WATCH_BUFFER_EVENTS_MAX: usize = 1000;
/// How many bytes of objects may wait for one watcher before it is closed as too slow. One event always may.
const WATCH_BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A stream of events in revision order. Dropping it ends the watch.
pub struct Watch {
    /// What had happened before the watch began. Invariant: bounded by the history.
    backlog: VecDeque<Arc<Event>>,
    /// Invariant: bounded; a watcher that falls behind is closed, so that it never blocks the writer.
    events: mpsc::Receiver<Arc<Event>>,
    /// Shared with the watcher: the bytes of what waits in `events`.
    waiting_bytes: Arc<AtomicUsize>,
    /// Where it is registered, to be taken out when it is dropped.
    watchers: Weak<Mutex<Watchers>>,
    scope: Scope,
    id: u64,
}

/// All open watches, indexed by what they ask for.
#[derive(Default)]
pub(crate) struct Watchers {
    /// Invariant: has no empty group.
    groups: HashMap<Scope, Group>,
    last_id: u64,
    closed: bool,
}

/// A query's resource and namespace.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Scope {
    resource: Arc<str>,
    namespace: Arc<str>,
}

/// The watchers of one scope, each under the narrowest of its conditions.
#[derive(Default)]
struct Group {
    every: Vec<Watcher>,
    by_name: HashMap<Arc<str>, Vec<Watcher>>,
    by_field: HashMap<Arc<str>, HashMap<Box<str>, Vec<Watcher>>>,
}

struct Watcher {
    id: u64,
    query: Query,
    events: mpsc::Sender<Arc<Event>>,
    waiting_bytes: Arc<AtomicUsize>,
}

// === impl Watch ===

impl Watch {
    /// The next event; `None` when the watcher was too slow or the store closed. Cancellation safe.
    pub async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.backlog.pop_front() {
            return Some(Arc::unwrap_or_clone(event));
        }
        let event = self.events.recv().await?;
        self.waiting_bytes.fetch_sub(event.subject().value.len(), Ordering::Relaxed);
        Some(Arc::unwrap_or_clone(event))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(watchers) = self.watchers.upgrade() {
            watchers.lock().remove(&self.scope, self.id);
        }
    }
}

// === impl Watchers ===

impl Watchers {
    /// Registers a watch that first gets the `backlog`. `this` is the lock that the caller holds.
    pub(crate) fn add(&mut self, query: Query, backlog: Vec<Arc<Event>>, this: &Arc<Mutex<Watchers>>) -> Watch {
        let (sender, events) = mpsc::channel(WATCH_BUFFER_EVENTS_MAX);
        let waiting_bytes = Arc::<AtomicUsize>::default();
        self.last_id += 1;
        let scope = Scope { resource: query.resource.clone(), namespace: query.namespace.clone() };
        if !self.closed {
            let waiting_bytes = waiting_bytes.clone();
            let watcher = Watcher { id: self.last_id, query, events: sender, waiting_bytes };
            self.groups.entry(scope.clone()).or_default().add(watcher);
        }
        let watchers = Arc::downgrade(this);
        Watch { backlog: backlog.into(), events, waiting_bytes, watchers, scope, id: self.last_id }
    }

    /// Hands the event to all whom it concerns, and closes those who cannot take it.
    pub(crate) fn deliver(&mut self, event: &Arc<Event>) {
        let key = &event.subject().key;
        for resource in [&key.resource, &Arc::from("*")] {
            self.deliver_to(Scope { resource: resource.clone(), namespace: "".into() }, event);
            if !key.namespace.is_empty() {
                self.deliver_to(Scope { resource: resource.clone(), namespace: key.namespace.clone() }, event);
            }
        }
    }

    /// Ends all watches, now and to come.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.groups.clear();
    }

    fn deliver_to(&mut self, scope: Scope, event: &Arc<Event>) {
        let Some(group) = self.groups.get_mut(&scope) else { return };
        group.deliver(event);
        if group.is_empty() {
            self.groups.remove(&scope);
        }
    }

    fn remove(&mut self, scope: &Scope, id: u64) {
        let Some(group) = self.groups.get_mut(scope) else { return };
        group.retain(|watcher| watcher.id != id);
        if group.is_empty() {
            self.groups.remove(scope);
        }
    }
}

// === impl Group ===

impl Group {
    fn add(&mut self, watcher: Watcher) {
        let query = &watcher.query;
        let place = match (&query.name, &query.field) {
            (Some(name), _) => self.by_name.entry(name.clone()).or_default(),
            (None, Some((field, value))) => {
                self.by_field.entry(field.clone()).or_default().entry(value.clone()).or_default()
            }
            (None, None) => &mut self.every,
        };
        place.push(watcher);
    }

    fn deliver(&mut self, event: &Arc<Event>) {
        hand(&mut self.every, event);
        if let Some(watchers) = self.by_name.get_mut(&event.subject().key.name) {
            hand(watchers, event);
        }
        for (field, by_value) in &mut self.by_field {
            let [before, after] = [&event.previous, &event.object]
                .map(|object| object.as_ref().and_then(|object| object.index.fields.get(field)));
            for value in before.into_iter().chain(after.filter(|value| before != Some(*value))) {
                if let Some(watchers) = by_value.get_mut(value) {
                    hand(watchers, event);
                }
            }
        }
    }

    fn retain(&mut self, keep: impl Fn(&Watcher) -> bool) {
        self.every.retain(&keep);
        self.by_name.retain(|_, watchers| {
            watchers.retain(&keep);
            !watchers.is_empty()
        });
        self.by_field.retain(|_, by_value| {
            by_value.retain(|_, watchers| {
                watchers.retain(&keep);
                !watchers.is_empty()
            });
            !by_value.is_empty()
        });
    }

    fn is_empty(&self) -> bool {
        self.every.is_empty() && self.by_name.is_empty() && self.by_field.is_empty()
    }
}

// === impl Watcher ===

impl Watcher {
    /// Whether there was room for the event. What waits shares its bytes with the state and the history; a watcher that
    /// is far behind keeps them alive, which is why they count.
    fn take(&self, event: &Arc<Event>) -> bool {
        let bytes = event.subject().value.len();
        // Added first: the other side may take the event out before this line is done.
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = waiting == 0 || waiting + bytes <= WATCH_BUFFER_BYTES_MAX;
        has_room && self.events.try_send(event.clone()).is_ok()
    }
}

/// Gives the event to each of `watchers` whose query it matches. Who has no room left for it is closed.
fn hand(watchers: &mut Vec<Watcher>, event: &Arc<Event>) {
    watchers.retain(|watcher| !event.matches(&watcher.query) || watcher.take(event));
}
