//! The recent changes, bounded by bytes: what late watchers catch up from and what older lists are rebuilt from.
//!
//! Time bounds it too, from outside: a driver calls `compact` (see [`crate::compact_periodically`]).

use std::{collections::VecDeque, sync::Arc};

use crate::{Error, Event, Revision};

/// How many bytes of superseded objects the history keeps alive.
pub(crate) const HISTORY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What an event costs besides the bytes of the object it keeps alive: itself, its place in the ring, keys and index.
const EVENT_OVERHEAD_BYTES: usize = 400;

/// A ring of events in revision order, complete after `oldest`.
pub(crate) struct History {
    /// Invariant: revisions strictly increase and are all greater than `oldest`.
    events: VecDeque<Arc<Event>>,
    /// Invariant: the sum of `retained_bytes` over `events`, at most `bytes_max`.
    bytes: usize,
    bytes_max: usize,
    oldest: Revision,
}

// === impl History ===

impl History {
    pub(crate) fn starting_at(oldest: Revision, bytes_max: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, bytes_max, oldest }
    }

    /// The oldest revision whose state can still be rebuilt.
    pub(crate) fn oldest(&self) -> Revision {
        self.oldest
    }

    pub(crate) fn push(&mut self, event: Arc<Event>) {
        debug_assert!(self.events.back().is_none_or(|last| last.revision < event.revision));
        debug_assert!(event.revision > self.oldest);
        self.bytes += retained_bytes(&event);
        self.events.push_back(event);
        while self.bytes > self.bytes_max {
            self.pop();
        }
    }

    /// Forgets the events up to and including `revision`.
    pub(crate) fn compact(&mut self, revision: Revision) {
        while self.events.front().is_some_and(|event| event.revision <= revision) {
            self.pop();
        }
        self.oldest = self.oldest.max(revision);
        self.events.shrink_to(self.events.len() * 2);
    }

    /// The events after `from`, oldest first.
    ///
    /// # Errors
    /// [`Error::Compacted`] if some of them are gone.
    pub(crate) fn after(&self, from: Revision) -> Result<impl DoubleEndedIterator<Item = &Arc<Event>>, Error> {
        if from < self.oldest {
            return Err(Error::Compacted { asked: from, oldest: self.oldest });
        }
        let start = self.events.partition_point(|event| event.revision <= from);
        Ok(self.events.range(start..))
    }

    fn pop(&mut self) {
        let Some(event) = self.events.pop_front() else { return };
        self.bytes -= retained_bytes(&event);
        self.oldest = event.revision;
    }
}

/// What memory would be freed without the event: only the object it superseded, since its own is live or superseded by a later one.
fn retained_bytes(event: &Event) -> usize {
    EVENT_OVERHEAD_BYTES + event.previous.as_ref().map_or(0, |previous| previous.value.len())
}
