//! The durable store: the same state in memory as every backend's, with one redb table behind it.
//!
//! # Flow
//! `put` → queue → [`writer`]: decide, commit with fsync, publish, answer. Reads and watches never come here.
//!
//! # Guarantees
//! What was acknowledged is there after a crash or a power cut. After a clean stop the revision goes on exactly; after
//! any other it jumps to a ceiling that was on disk before any revision below it was given away.

mod disk;
mod record;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use self::{
    disk::{Disk, Loaded, Opener},
    record::Mark,
    writer::{Message, Request, Writer},
};
use crate::{
    Draft, Error, Event, Key, Object, OpenError, Page, Paging, Precondition, Query, Revision, Storage, Watch,
    batch::{Names, Write},
    history::HISTORY_BYTES_MAX,
    published::Published,
    state::State,
};

/// How many writes may wait; further ones wait before the queue, without a place in it.
const QUEUE_WRITES_MAX: usize = 1024;

/// Revision 1 is before everything: 0 and 1 have meanings of their own on the wire.
const FIRST_REVISION: Revision = Revision(1);

/// A store on disk. Dropping or closing it stops it cleanly.
pub(crate) struct Redb {
    published: Arc<Published>,
    /// Bounded by `places`: every request in it holds one.
    queue: mpsc::Sender<Message>,
    places: Arc<Semaphore>,
    /// The writer, until it is stopped.
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Keeps other processes out for as long as the store is open.
    _lock: Option<File>,
}

// === impl Redb ===

impl Redb {
    /// Opens the database in `file`. `lock` is kept until the store is dropped.
    pub(crate) fn open_file(file: PathBuf, lock: File) -> Result<Self, OpenError> {
        Self::open(Box::new(move |builder| builder.open(&file)), Some(lock))
    }

    /// Makes an empty database in the empty `file`. Breaking off in the middle leaves a file that cannot be opened.
    pub(crate) fn make_file(file: PathBuf) -> Result<(), OpenError> {
        Self::open(Box::new(move |builder| builder.create(&file)), None).map(drop)
    }

    fn open(opener: Opener, lock: Option<File>) -> Result<Self, OpenError> {
        let mut names = Names::default();
        let (disk, Loaded { entries, mark }) = Disk::open(opener, &mut names)?;
        let (revision, in_memory) = match mark {
            None => (FIRST_REVISION, Vec::new()),
            Some(Mark::Below(ceiling)) => (ceiling, Vec::new()),
            Some(Mark::Exactly { revision, in_memory }) => (revision, in_memory),
        };
        let mut state = State::new(entries, revision, HISTORY_BYTES_MAX);
        state.forget_memory_of(in_memory);

        let published = Arc::new(Published::new(state));
        let writer = Writer::new(published.clone(), names, disk);
        let (queue, requests) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&requests))
            .map_err(|source| OpenError::StartWriter { source })?;
        let places = Arc::new(Semaphore::new(QUEUE_WRITES_MAX));
        Ok(Self { published, queue, places, thread: Mutex::new(Some(thread)), _lock: lock })
    }

    async fn write(&self, write: Write) -> Result<Arc<Event>, Error> {
        let closed = || Error::Unavailable { reason: "it is closed".to_owned() };
        let place = self.places.clone().acquire_owned().await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::Write(Request { write, reply, place })).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Storage for Redb {
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
            let event = self.write(Write::Put { key, draft, precondition }).await?;
            Ok(event.subject().clone())
        }
        .boxed()
    }

    fn delete(&self, key: Key, at: Revision) -> BoxFuture<'_, Result<Revision, Error>> {
        async move { Ok(self.write(Write::Delete { key, at }).await?.revision) }.boxed()
    }

    fn watch(&self, query: Query, from: Revision) -> Result<Watch, Error> {
        self.published.watch(query, from)
    }

    fn compact(&self, revision: Revision) {
        self.published.compact(revision);
    }

    fn close(&self) {
        self.places.close();
        if let Some(thread) = self.thread.lock().take() {
            // An error here means that the writer has ended already.
            let _ = self.queue.send(Message::Stop);
            let _ = thread.join();
        }
        self.published.close();
    }
}

impl Drop for Redb {
    fn drop(&mut self) {
        self.close();
    }
}
