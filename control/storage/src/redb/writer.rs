//! The one thread that writes: takes what is queued, decides it, makes it durable, publishes it, and only then answers.
//!
//! # Guarantees
//! Requests that arrive while a commit runs share the next one. Objects in memory do not wait for the disk, and go on
//! when it is broken. A write whose commit failed is undone on disk before the next one, so that what nobody was told
//! does not appear later.

use std::{
    collections::HashSet,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    disk::{Disk, Row},
    record::{self, Mark},
};
use crate::{
    Durability, Error, Event, Key, Revision,
    batch::{Batch, Names, Write},
    published::Published,
    state::{Change, Entry, State},
};

/// How many writes share a commit at most.
const BATCH_WRITES_MAX: usize = 256;
/// How many bytes share a commit at most, one object more excepted.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// How many revisions may be given away before the ceiling on disk must be raised.
const CEILING_STEP: u64 = 10_000;
/// How long to leave a broken disk alone between attempts.
const REOPEN_PERIOD: Duration = Duration::from_secs(1);

/// What the writer is asked.
#[expect(clippy::large_enum_variant, reason = "the small one is sent once in the life of a store")]
pub(super) enum Message {
    Write(Request),
    /// Finish what came before, and end.
    Stop,
}

/// A write and where its answer goes.
pub(super) struct Request {
    pub(super) write: Write,
    pub(super) reply: Reply,
    /// The request's place in the queue, free again when it is answered.
    pub(super) place: OwnedSemaphorePermit,
}

/// Takes what became of a write to whoever asked for it.
type Reply = oneshot::Sender<Result<Arc<Event>, Error>>;

/// What a batch comes to, before it is on disk.
struct Decided {
    answers: Vec<Answer>,
    changes: Vec<Change>,
}

/// What a request is told if the disk takes the batch.
struct Answer {
    outcome: Result<Arc<Event>, Error>,
    reply: Reply,
    /// Given back once the answer is sent.
    _place: OwnedSemaphorePermit,
}

pub(super) struct Writer {
    published: Arc<Published>,
    names: Names,
    disk: Disk,
    /// The last revision given to a write, whether it succeeded or not.
    revision: Revision,
    /// Invariant: on disk, and not below any revision that was published. `None` until the first write.
    ceiling: Option<Revision>,
    /// Keys whose record on disk may not be what is published, because a commit failed: at most one batch.
    unsettled: HashSet<Key>,
    /// When a broken disk may be tried again.
    reopen_at: Option<Instant>,
}

// === impl Writer ===

impl Writer {
    /// A writer that has given away no revision yet, so that its first write raises the ceiling.
    pub(super) fn new(published: Arc<Published>, names: Names, disk: Disk) -> Self {
        let revision = published.revision();
        Self { published, names, disk, revision, ceiling: None, unsettled: HashSet::new(), reopen_at: None }
    }

    /// Serves requests until it is told to stop.
    pub(super) fn run(mut self, queue: &mpsc::Receiver<Message>) {
        let mut running = true;
        while running {
            let requests = gather(queue, &mut running);
            let (durable, in_memory) = {
                let state = self.published.state();
                requests.into_iter().partition(|request| needs_disk(&request.write, &state))
            };
            self.serve(in_memory);
            self.serve(durable);
        }
        self.mark_exactly();
    }

    fn serve(&mut self, requests: Vec<Request>) {
        if requests.is_empty() {
            return;
        }
        let Decided { answers, changes } = self.decide(requests);
        let outcome = self.make_durable(&changes);
        if outcome.is_ok() {
            self.published.publish(changes);
        }
        for Answer { outcome: decided, reply, _place } in answers {
            let answer = match &outcome {
                Ok(()) => decided,
                Err(reason) => decided.and_then(|_| Err(Error::Unavailable { reason: reason.clone() })),
            };
            // Whoever asked may have gone away; the write stands.
            let _ = reply.send(answer);
        }
    }

    fn decide(&mut self, requests: Vec<Request>) -> Decided {
        let state = self.published.state();
        let mut batch = Batch::after(self.revision, &state, &mut self.names);
        let decide = |Request { write, reply, place }| Answer { outcome: batch.add(write), reply, _place: place };
        let answers = requests.into_iter().map(decide).collect();
        let changes = batch.into_changes();
        if let Some(last) = changes.last() {
            self.revision = last.event.revision;
        }
        Decided { answers, changes }
    }

    fn make_durable(&mut self, changes: &[Change]) -> Result<(), String> {
        let mut rows: Vec<Row> = changes.iter().filter_map(row_of).collect();
        let raised = Revision(self.revision.0 + CEILING_STEP);
        let must_raise = self.ceiling.is_none_or(|ceiling| ceiling < self.revision);
        if must_raise && !changes.is_empty() {
            rows.push((record::MARK_KEY.to_vec(), Some(record::encode_mark(&Mark::Below(raised)))));
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.recover()?;
        self.disk.commit(&rows).inspect_err(|reason| {
            tracing::error!(%reason, writes = changes.len(), "write failed");
            self.unsettled = changes.iter().map(|change| change.event.subject().key.clone()).collect();
        })?;
        if must_raise {
            self.ceiling = Some(raised);
        }
        Ok(())
    }

    /// After an error, opens the database again and makes it say what is published. Does nothing if there was none.
    fn recover(&mut self) -> Result<(), String> {
        self.reopen_if_due()?;
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let state = self.published.state();
        let rows: Vec<Row> = self.unsettled.iter().map(|key| published_row(key, &state)).collect();
        drop(state);
        self.disk.commit(&rows)?;
        self.unsettled.clear();
        tracing::info!("wrote again after an error");
        Ok(())
    }

    fn reopen_if_due(&mut self) -> Result<(), String> {
        if self.disk.is_open() {
            return Ok(());
        }
        let now = Instant::now();
        if self.reopen_at.is_some_and(|at| now < at) {
            return Err("the disk failed a moment ago".to_owned());
        }
        self.reopen_at = Some(now + REOPEN_PERIOD);
        self.disk.reopen()
    }

    /// Notes the exact revision, so that watchers can go on after a restart. Nothing to note if nothing was written.
    fn mark_exactly(&mut self) {
        let (revision, in_memory) = {
            let state = self.published.state();
            (state.revision(), state.resources_in_memory().into_iter().collect())
        };
        if self.ceiling.is_none() && self.unsettled.is_empty() {
            return;
        }
        let mark = record::encode_mark(&Mark::Exactly { revision, in_memory });
        let rows = [(record::MARK_KEY.to_vec(), Some(mark))];
        if let Err(reason) = self.recover().and_then(|()| self.disk.commit(&rows)) {
            tracing::warn!(%reason, "could not note a clean stop; watchers will list again");
        }
    }
}

/// Waits for a request and takes what is queued behind it, up to a batch. Clears `running` at the end of the queue.
fn gather(queue: &mpsc::Receiver<Message>, running: &mut bool) -> Vec<Request> {
    let mut requests = Vec::new();
    let mut bytes = 0;
    let mut next = queue.recv().ok();
    loop {
        match next {
            Some(Message::Write(request)) => {
                bytes += request.write.bytes();
                requests.push(request);
            }
            Some(Message::Stop) | None => {
                *running = false;
                return requests;
            }
        }
        if requests.len() == BATCH_WRITES_MAX || bytes >= BATCH_BYTES_MAX {
            return requests;
        }
        next = match queue.try_recv() {
            Ok(message) => Some(message),
            Err(mpsc::TryRecvError::Empty) => return requests,
            Err(mpsc::TryRecvError::Disconnected) => None,
        };
    }
}

fn needs_disk(write: &Write, state: &State) -> bool {
    let stored = |key: &Key| state.get(key).map(|entry| entry.durability);
    match write {
        Write::Put { draft, .. } if draft.durability == Durability::Disk => true,
        Write::Put { key, .. } => stored(key) == Some(Durability::Disk),
        Write::Delete { key, .. } => stored(key) != Some(Durability::Memory),
    }
}

/// What the change does to the table, if anything.
fn row_of(change: &Change) -> Option<Row> {
    let key = &change.event.subject().key;
    match (&change.event.object, change.durability, change.previous_durability) {
        (Some(object), Durability::Disk, _) => Some((record::encode_key(key), Some(record::encode_object(object)))),
        (Some(_), Durability::Memory, Some(Durability::Disk)) | (None, _, Some(Durability::Disk)) => {
            Some((record::encode_key(key), None))
        }
        (Some(_) | None, _, _) => None,
    }
}

/// What the table must hold under the key for what is published to be true.
fn published_row(key: &Key, state: &State) -> Row {
    let on_disk = |entry: &&Entry| entry.durability == Durability::Disk;
    let record = state.get(key).filter(on_disk).map(|entry| record::encode_object(&entry.object));
    (record::encode_key(key), record)
}
