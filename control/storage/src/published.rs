//! What readers and watchers see, and the one way to change it.
//!
//! # Guarantees
//! Changes become visible in revision order, to readers first and then to watchers. A watch that begins in between
//! sees each change once, because beginning it and publishing exclude each other.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use crate::{
    Error, Key, Object, Page, Paging, Query, Revision,
    state::{Change, State},
    watch::{Watch, Watchers},
};

/// The state and its watchers, shared by readers and the writer.
pub(crate) struct Published {
    state: RwLock<State>,
    /// Lock order: this one before `state`.
    watchers: Arc<Mutex<Watchers>>,
}

// === impl Published ===

impl Published {
    pub(crate) fn new(state: State) -> Self {
        Self { state: RwLock::new(state), watchers: Arc::default() }
    }

    /// The state, to decide a batch against. Only the writer changes it, so that it stays true until `publish`.
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    pub(crate) fn revision(&self) -> Revision {
        self.state.read().revision()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Object> {
        self.state.read().get(key).map(|entry| entry.object.clone())
    }

    pub(crate) fn list(&self, query: &Query, paging: &Paging) -> Result<Page, Error> {
        self.state.read().list(query, paging)
    }

    pub(crate) fn watch(&self, query: Query, from: Revision) -> Result<Watch, Error> {
        let mut watchers = self.watchers.lock();
        let backlog = self.state.read().events(&query, from)?;
        Ok(watchers.add(query, backlog, &self.watchers))
    }

    /// Makes the changes visible.
    pub(crate) fn publish(&self, changes: Vec<Change>) {
        let mut watchers = self.watchers.lock();
        let events: Vec<_> = changes.iter().map(|change| change.event.clone()).collect();
        let mut state = self.state.write();
        for change in changes {
            state.apply(change);
        }
        drop(state);
        for event in &events {
            watchers.deliver(event);
        }
    }

    pub(crate) fn compact(&self, revision: Revision) {
        self.state.write().compact(revision);
    }

    /// Ends all watches, now and to come.
    pub(crate) fn close(&self) {
        self.watchers.lock().close();
    }
}
