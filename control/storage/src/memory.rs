//! A store that forgets everything when it is dropped: for tests, and for clusters that live in one process.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;

use crate::{
    Draft, Error, Event, Key, Object, Page, Paging, Precondition, Query, Revision, Storage, Watch,
    batch::{Batch, Names, Write},
    history::HISTORY_BYTES_MAX,
    published::Published,
    state::State,
};

/// Opens an empty store that lives in memory only.
pub fn open_memory() -> Arc<dyn Storage> {
    let state = State::new(Default::default(), Revision(1), HISTORY_BYTES_MAX);
    Arc::new(Memory { published: Published::new(state), writer: Mutex::new(Writer::default()) })
}

struct Memory {
    published: Published,
    /// Held from the check of a write until it is published.
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Writer {
    names: Names,
    closed: bool,
}

// === impl Memory ===

impl Memory {
    fn write(&self, write: Write) -> Result<Arc<Event>, Error> {
        let mut writer = self.writer.lock();
        if writer.closed {
            return Err(Error::Unavailable { reason: "it is closed".to_owned() });
        }
        let state = self.published.state();
        let mut batch = Batch::after(state.revision(), &state, &mut writer.names);
        let event = batch.add(write)?;
        let changes = batch.into_changes();
        drop(state);
        self.published.publish(changes);
        Ok(event)
    }
}

impl Storage for Memory {
    fn revision(&self) -> Revision {
        self.published.revision()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        ready(Ok(self.published.get(key))).boxed()
    }

    fn list<'a>(&'a self, query: &'a Query, paging: Paging) -> BoxFuture<'a, Result<Page, Error>> {
        ready(self.published.list(query, &paging)).boxed()
    }

    fn put(&self, key: Key, draft: Draft, precondition: Precondition) -> BoxFuture<'_, Result<Object, Error>> {
        async move {
            let event = self.write(Write::Put { key, draft, precondition })?;
            Ok(event.subject().clone())
        }
        .boxed()
    }

    fn delete(&self, key: Key, at: Revision) -> BoxFuture<'_, Result<Revision, Error>> {
        async move { Ok(self.write(Write::Delete { key, at })?.revision) }.boxed()
    }

    fn watch(&self, query: Query, from: Revision) -> Result<Watch, Error> {
        self.published.watch(query, from)
    }

    fn compact(&self, revision: Revision) {
        self.published.compact(revision);
    }

    fn close(&self) {
        self.writer.lock().closed = true;
        self.published.close();
    }
}
