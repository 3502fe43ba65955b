//! etcd's semantics behind one small trait: the only thing the API server knows of disks.
//!
//! # Flow
//! A write is checked against the object as it is at that moment (`Precondition`), gets the next revision, is made
//! durable, is published to readers and watchers, and only then acknowledged. Reads, lists and watches never touch a disk.
//!
//! # Guarantees
//! One global revision, strictly increasing, that never goes back across restarts. An acknowledged durable write is
//! never lost. Every watcher sees the events of its query once, in revision order, without gaps, or is told `Compacted`.

mod batch;
mod compact;
mod expire;
mod fields;
mod history;
mod memory;
mod open;
mod published;
mod redb;
mod state;
mod watch;

use std::{cmp::Ordering, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;

pub use compact::{COMPACTION_PERIOD, compact_periodically};
pub use expire::{Retention, expire_periodically};
pub use fields::Fields;
pub use memory::open_memory;
pub use open::{OpenError, open};
pub use watch::Watch;

/// The largest encoded object that the store takes: etcd's default limit of a request.
pub const OBJECT_BYTES_MAX: usize = 1536 * 1024;

/// A position in the history of the whole store; `resourceVersion` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// The name of one object in the store. Orders as etcd orders `/registry/<group>/<resource>/<namespace>/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// `<group>/<plural>`, the core group being `core`: `apps/deployments`, `core/pods`.
    pub resource: Arc<str>,
    /// Empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// The object's `metadata.name`.
    pub name: Arc<str>,
}

/// What is kept of an object: its bytes, and what can be asked of it without parsing them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where it is.
    pub key: Key,
    /// The revision of its last write.
    pub revision: Revision,
    /// The encoded object, with its revision in it.
    pub value: Bytes,
    /// What selectors and the garbage collector ask for.
    pub index: Arc<Index>,
}

/// The parts of an object that selectors ask for, cut out once when it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.labels`, sorted by key.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    /// The resource's selectable fields with their values, `metadata.name` and `metadata.namespace` excepted.
    pub fields: Fields,
}

/// An object about to be written: encoded but for its revision, which only the store knows.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The encoded object without its revision.
    pub value: Bytes,
    /// Byte offset in `value` at which the store inserts the revision in decimal digits.
    pub revision_at: usize,
    /// What selectors will ask for.
    pub index: Index,
    /// Whether it must outlive the process.
    pub durability: Durability,
}

/// Whether an object must outlive the process. Leases and Events need not: an idle cluster writes nothing to flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On disk before the write is acknowledged.
    Disk,
    /// In memory only; gone after a restart.
    Memory,
}

/// What must be true of the stored object for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// There is none.
    Absent,
    /// Its last write has this revision.
    At(Revision),
}

/// Which objects a list or watch is about. An empty `namespace` means all of them.
#[derive(Clone, Debug)]
pub struct Query {
    /// As in [`Key::resource`]; `*` means every resource (the garbage collector's watch).
    pub resource: Arc<str>,
    /// One namespace, or all if empty.
    pub namespace: Arc<str>,
    /// One object by name (`metadata.name=x`).
    pub name: Option<Arc<str>>,
    /// A field that must have had this value before or after the change; used as an index, e.g. (`spec.nodeName`, n).
    pub field: Option<(Arc<str>, Box<str>)>,
}

/// One page of a list, consistent at `revision`.
#[derive(Clone, Debug)]
pub struct Page {
    /// In key order.
    pub objects: Vec<Object>,
    /// The snapshot that the page belongs to.
    pub revision: Revision,
    /// How many objects of the query come after the page.
    pub remaining: usize,
}

/// How much of a list is wanted, and as of when.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// At most so many objects; 0 means all.
    pub limit: usize,
    /// Only objects after this (namespace, name).
    pub after: Option<(Arc<str>, Arc<str>)>,
    /// The snapshot to read; `None` is the latest.
    pub at: Option<Revision>,
}

/// One change, as watchers see it. The change is a creation if `previous` is empty, a deletion if `object` is.
#[derive(Clone, Debug)]
pub struct Event {
    /// The revision of the change.
    pub revision: Revision,
    /// The object after the change.
    pub object: Option<Object>,
    /// The object before the change, as it was stored.
    pub previous: Option<Object>,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The precondition does not hold; `current` is what is stored, if anything.
    #[error("precondition failed")]
    Conflict {
        /// What is stored under the key.
        current: Option<Box<Object>>,
    },
    /// The history that was asked for is gone.
    #[error("revision {} is older than {}", asked.0, oldest.0)]
    Compacted {
        /// The revision that was asked for.
        asked: Revision,
        /// The oldest one that can still be read.
        oldest: Revision,
    },
    /// The revision has not happened yet.
    #[error("revision {} is newer than {}", asked.0, current.0)]
    Future {
        /// The revision that was asked for.
        asked: Revision,
        /// The latest revision.
        current: Revision,
    },
    /// The write is larger than the store takes.
    #[error("object of {bytes} bytes is larger than {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The disk refused; whether the write happened is unknown.
    #[error("store is unavailable: {reason}")]
    Unavailable {
        /// What the backend said.
        reason: String,
    },
}

/// A store of objects with one global revision.
pub trait Storage: Send + Sync + 'static {
    /// The latest revision.
    fn revision(&self) -> Revision;

    /// The object as it is now.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Object>, Error>>;

    /// A page of the objects of `query`, in key order.
    fn list<'a>(&'a self, query: &'a Query, paging: Paging) -> BoxFuture<'a, Result<Page, Error>>;

    /// Writes `draft` if `precondition` holds, and answers with the object as stored.
    fn put(&self, key: Key, draft: Draft, precondition: Precondition) -> BoxFuture<'_, Result<Object, Error>>;

    /// Deletes the object if its last write is `at`, and answers with the revision of the deletion.
    fn delete(&self, key: Key, at: Revision) -> BoxFuture<'_, Result<Revision, Error>>;

    /// The changes to the objects of `query` after `from`, oldest first, for ever.
    fn watch(&self, query: Query, from: Revision) -> Result<Watch, Error>;

    /// Forgets history up to `revision`, as upstream's compactor does every five minutes.
    fn compact(&self, revision: Revision);

    /// Finishes the writes that were accepted, refuses further ones and ends all watches. Reads go on.
    fn close(&self);
}

// === impl Key ===

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.resource
            .cmp(&other.resource)
            .then_with(|| compare_as_folders(&self.namespace, &other.namespace))
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares `a/` with `b/`, so that `x-y` comes before `x` as in etcd's paths; the empty one comes first.
fn compare_as_folders(a: &str, b: &str) -> Ordering {
    let common = a.len().min(b.len());
    a.as_bytes()[..common].cmp(&b.as_bytes()[..common]).then_with(|| match (a.len() == common, b.len() == common) {
        (true, true) => Ordering::Equal,
        (true, false) if a.is_empty() => Ordering::Less,
        (false, true) if b.is_empty() => Ordering::Greater,
        (true, false) => b'/'.cmp(&b.as_bytes()[common]),
        (false, _) => a.as_bytes()[common].cmp(&b'/'),
    })
}

// === impl Query ===

impl Query {
    /// Whether an object with this name is asked for, whatever its fields.
    pub fn covers(&self, key: &Key) -> bool {
        (self.resource == key.resource || &*self.resource == "*")
            && (self.namespace.is_empty() || self.namespace == key.namespace)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
    }

    /// Whether the object is asked for.
    pub fn matches(&self, object: &Object) -> bool {
        self.covers(&object.key) && self.field_matches(object)
    }

    fn field_matches(&self, object: &Object) -> bool {
        let Some((field, value)) = &self.field else { return true };
        object.index.fields.get(field) == Some(&**value)
    }
}

// === impl Event ===

impl Event {
    /// The object that changed: as it is now, or as it was if it is gone.
    pub fn subject(&self) -> &Object {
        self.object.as_ref().or(self.previous.as_ref()).expect("an event has an object before or after it")
    }

    /// Whether the change concerns the query: the object is asked for, or was.
    pub fn matches(&self, query: &Query) -> bool {
        query.covers(&self.subject().key)
            && [&self.object, &self.previous].into_iter().flatten().any(|object| query.field_matches(object))
    }
}
