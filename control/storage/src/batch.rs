//! Decides writes: checks each against the state and the writes before it in the same batch, and gives it its revision.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    Draft, Durability, Error, Event, Fields, Index, Key, OBJECT_BYTES_MAX, Object, Precondition, Revision,
    state::{Change, State},
};

/// A write as it was asked for.
pub(crate) enum Write {
    Put { key: Key, draft: Draft, precondition: Precondition },
    Delete { key: Key, at: Revision },
}

/// Writes that will be seen together, in order.
pub(crate) struct Batch<'a> {
    state: &'a State,
    names: &'a mut Names,
    /// The last revision given away, in this batch or before it.
    revision: Revision,
    changes: Vec<Change>,
    /// The last of `changes` for each key.
    latest: HashMap<Key, usize>,
}

/// One copy of each name of a resource or namespace, and of the names of a kind's fields, shared by all objects.
#[derive(Default)]
pub(crate) struct Names {
    names: HashSet<Arc<str>>,
    fields: HashSet<Arc<[Box<str>]>>,
}

// === impl Write ===

impl Write {
    /// About what it adds to a commit.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Put { draft, .. } => draft.value.len(),
            Self::Delete { .. } => 0,
        }
    }
}

// === impl Batch ===

impl<'a> Batch<'a> {
    /// An empty batch whose writes get the revisions after `revision`.
    pub(crate) fn after(revision: Revision, state: &'a State, names: &'a mut Names) -> Self {
        debug_assert!(revision >= state.revision());
        Self { state, names, revision, changes: Vec::new(), latest: HashMap::new() }
    }

    /// Decides one write and answers with its change.
    pub(crate) fn add(&mut self, write: Write) -> Result<Arc<Event>, Error> {
        match write {
            Write::Put { key, draft, precondition } => self.put(key, draft, precondition),
            Write::Delete { key, at } => self.delete(&key, at),
        }
    }

    pub(crate) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    fn put(&mut self, key: Key, draft: Draft, precondition: Precondition) -> Result<Arc<Event>, Error> {
        let (previous, previous_durability) = self.current(&key).unzip();
        match (precondition, &previous) {
            (Precondition::Absent, None) => {}
            (Precondition::At(at), Some(object)) if object.revision == at => {}
            (Precondition::Absent | Precondition::At(_), _) => return Err(conflict(previous)),
        }
        let revision = Revision(self.revision.0 + 1);
        let value = with_revision(&draft, revision)?;
        let fields = self.names.interned_fields(draft.index.fields);
        let index = shared_index(Index { fields, ..draft.index }, previous.as_ref());
        let key = previous.as_ref().map_or_else(|| self.names.interned(key), |object| object.key.clone());
        let object = Some(Object { key: key.clone(), revision, value, index });
        let event = Arc::new(Event { revision, object, previous });
        Ok(self.push(key, event, draft.durability, previous_durability))
    }

    fn delete(&mut self, key: &Key, at: Revision) -> Result<Arc<Event>, Error> {
        let Some((previous, durability)) = self.current(key) else { return Err(conflict(None)) };
        if previous.revision != at {
            return Err(conflict(Some(previous)));
        }
        let revision = Revision(self.revision.0 + 1);
        let key = previous.key.clone();
        let event = Arc::new(Event { revision, object: None, previous: Some(previous) });
        Ok(self.push(key, event, durability, Some(durability)))
    }

    fn push(
        &mut self,
        key: Key,
        event: Arc<Event>,
        durability: Durability,
        previous_durability: Option<Durability>,
    ) -> Arc<Event> {
        self.revision = event.revision;
        self.latest.insert(key, self.changes.len());
        self.changes.push(Change { event: event.clone(), durability, previous_durability });
        event
    }

    /// The object as the writes of this batch leave it.
    fn current(&self, key: &Key) -> Option<(Object, Durability)> {
        match self.latest.get(key) {
            Some(&position) => {
                let change = &self.changes[position];
                change.event.object.clone().map(|object| (object, change.durability))
            }
            None => self.state.get(key).map(|entry| (entry.object.clone(), entry.durability)),
        }
    }
}

fn conflict(current: Option<Object>) -> Error {
    Error::Conflict { current: current.map(Box::new) }
}

/// The draft's bytes with the revision written into its place.
fn with_revision(draft: &Draft, revision: Revision) -> Result<Bytes, Error> {
    debug_assert!(draft.revision_at <= draft.value.len());
    let digits = revision.0.to_string();
    let bytes = draft.value.len() + digits.len();
    if bytes > OBJECT_BYTES_MAX {
        return Err(Error::TooLarge { bytes, bytes_max: OBJECT_BYTES_MAX });
    }
    let (before, after) = draft.value.split_at(draft.revision_at.min(draft.value.len()));
    Ok(Bytes::from([before, digits.as_bytes(), after].concat()))
}

/// The index of the previous version if it is the same, so that an object that only changes its status keeps one index.
fn shared_index(index: Index, previous: Option<&Object>) -> Arc<Index> {
    match previous {
        Some(object) if *object.index == index => object.index.clone(),
        _ => Arc::new(index),
    }
}

// === impl Names ===

impl Names {
    /// The key with its resource and namespace shared.
    pub(crate) fn interned(&mut self, key: Key) -> Key {
        Key { resource: self.shared(&key.resource), namespace: self.shared(&key.namespace), name: key.name }
    }

    /// The fields with their names shared.
    pub(crate) fn interned_fields(&mut self, fields: Fields) -> Fields {
        if let Some(known) = self.fields.get(fields.names()) {
            let names = known.clone();
            return fields.with_names(names);
        }
        forget_unused(&mut self.fields);
        self.fields.insert(fields.names().clone());
        fields
    }

    /// The one copy of this name.
    pub(crate) fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        forget_unused(&mut self.names);
        let name: Arc<str> = name.into();
        self.names.insert(name.clone());
        name
    }
}

/// Drops what no object uses any more, whenever the set is about to grow its table.
fn forget_unused<T: ?Sized + Eq + Hash>(shared: &mut HashSet<Arc<T>>) {
    if shared.len() == shared.capacity() {
        shared.retain(|one| Arc::strong_count(one) > 1);
    }
}
