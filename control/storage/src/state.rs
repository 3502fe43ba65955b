//! The objects as they are now, and the lists that can be made of them, now or as they were.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use crate::{Durability, Error, Event, Key, Object, Page, Paging, Query, Revision, history::History};

/// Everything that readers see. Never touches a disk.
pub(crate) struct State {
    objects: BTreeSet<Entry>,
    history: History,
    revision: Revision,
    /// Resources whose history began later than the others': they lost objects in memory at a clean restart.
    oldest_of: HashMap<Arc<str>, Revision>,
}

/// A stored object, ordered and found by its key, so that the key is not kept twice.
pub(crate) struct Entry {
    pub(crate) object: Object,
    pub(crate) durability: Durability,
}

/// One change that is decided but not yet seen by anyone.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) event: Arc<Event>,
    /// Of the object after the change.
    pub(crate) durability: Durability,
    /// Of the object before the change, if there was one.
    pub(crate) previous_durability: Option<Durability>,
}

// === impl State ===

impl State {
    /// A state whose history begins at `revision`.
    pub(crate) fn new(objects: BTreeSet<Entry>, revision: Revision, history_bytes_max: usize) -> Self {
        Self {
            objects,
            history: History::starting_at(revision, history_bytes_max),
            revision,
            oldest_of: HashMap::new(),
        }
    }

    /// Marks resources that had objects in memory before a clean stop: whoever saw those cannot go on from there.
    pub(crate) fn forget_memory_of(&mut self, resources: impl IntoIterator<Item = Arc<str>>) {
        self.oldest_of = resources.into_iter().map(|resource| (resource, Revision(self.revision.0 + 1))).collect();
        if !self.oldest_of.is_empty() {
            self.revision.0 += 1;
        }
    }

    /// The resources that have objects which a restart will lose.
    pub(crate) fn resources_in_memory(&self) -> BTreeSet<Arc<str>> {
        let in_memory = self.objects.iter().filter(|entry| entry.durability == Durability::Memory);
        in_memory.map(|entry| entry.object.key.resource.clone()).collect()
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Entry> {
        self.objects.get(key)
    }

    /// The events of the query after `from`, oldest first.
    pub(crate) fn events(&self, query: &Query, from: Revision) -> Result<Vec<Arc<Event>>, Error> {
        self.check_readable(&query.resource, from)?;
        Ok(self.history.after(from)?.filter(|event| event.matches(query)).cloned().collect())
    }

    pub(crate) fn list(&self, query: &Query, paging: &Paging) -> Result<Page, Error> {
        let at = paging.at.unwrap_or(self.revision);
        let undone = self.undone_since(query, at)?;
        let range = (lower_bound(query, paging), Bound::Unbounded);
        let now = self.objects.range::<Key, _>(as_refs(&range)).map(|entry| &entry.object);
        let now =
            now.take_while(|object| begins_like(query, &object.key)).filter(|object| !undone.contains_key(&object.key));
        let then = undone.range::<Key, _>(as_refs(&range)).filter_map(|(_, object)| *object);
        let mut matching = merge(now, then).filter(|object| query.matches(object));

        let limit = if paging.limit == 0 { usize::MAX } else { paging.limit };
        let objects = matching.by_ref().take(limit).cloned().collect();
        Ok(Page { objects, revision: at, remaining: matching.count() })
    }

    pub(crate) fn apply(&mut self, change: Change) {
        let Change { event, durability, .. } = change;
        match &event.object {
            Some(object) => drop(self.objects.replace(Entry { object: object.clone(), durability })),
            None => drop(self.objects.take(&event.subject().key)),
        }
        self.revision = event.revision;
        self.history.push(event);
    }

    pub(crate) fn compact(&mut self, revision: Revision) {
        self.history.compact(revision.min(self.revision));
    }

    /// What the changes after `at` did to the query's objects, turned around: `None` where there was no object.
    fn undone_since(&self, query: &Query, at: Revision) -> Result<BTreeMap<&Key, Option<&Object>>, Error> {
        if at == self.revision {
            return Ok(BTreeMap::new());
        }
        self.check_readable(&query.resource, at)?;
        let newest_first = self.history.after(at)?.rev().filter(|event| query.covers(&event.subject().key));
        Ok(newest_first.map(|event| (&event.subject().key, event.previous.as_ref())).collect())
    }

    fn check_readable(&self, resource: &str, asked: Revision) -> Result<(), Error> {
        if asked > self.revision {
            return Err(Error::Future { asked, current: self.revision });
        }
        let oldest_in_memory = match resource {
            "*" => self.oldest_of.values().max(),
            resource => self.oldest_of.get(resource),
        };
        let oldest = self.history.oldest().max(oldest_in_memory.copied().unwrap_or_default());
        if asked < oldest { Err(Error::Compacted { asked, oldest }) } else { Ok(()) }
    }
}

/// Where the query's objects begin, or go on after the last page.
fn lower_bound(query: &Query, paging: &Paging) -> Bound<Key> {
    if &*query.resource == "*" {
        return Bound::Unbounded;
    }
    match &paging.after {
        Some((namespace, name)) => {
            Bound::Excluded(Key { resource: query.resource.clone(), namespace: namespace.clone(), name: name.clone() })
        }
        None => Bound::Included(Key {
            resource: query.resource.clone(),
            namespace: query.namespace.clone(),
            name: name_in_namespace(query).cloned().unwrap_or_else(|| "".into()),
        }),
    }
}

/// Whether the query's objects may still come at or after this key.
fn begins_like(query: &Query, key: &Key) -> bool {
    let in_resource =
        query.resource == key.resource && (query.namespace.is_empty() || query.namespace == key.namespace);
    let up_to_name = name_in_namespace(query).is_none_or(|name| key.name <= *name);
    (in_resource && up_to_name) || &*query.resource == "*"
}

/// The query's name, if its namespace is known too, so that there is one object at most.
fn name_in_namespace(query: &Query) -> Option<&Arc<str>> {
    query.name.as_ref().filter(|_| !query.namespace.is_empty())
}

fn as_refs<T>(range: &(Bound<T>, Bound<T>)) -> (Bound<&T>, Bound<&T>) {
    (range.0.as_ref(), range.1.as_ref())
}

/// Two iterators in key order, without a key in common, as one.
fn merge<'a>(
    a: impl Iterator<Item = &'a Object>,
    b: impl Iterator<Item = &'a Object>,
) -> impl Iterator<Item = &'a Object> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if y.key < x.key => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    })
}

// === impl Entry ===

impl Borrow<Key> for Entry {
    fn borrow(&self) -> &Key {
        &self.object.key
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.object.key.cmp(&other.object.key)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.object.key == other.object.key
    }
}

impl Eq for Entry {}
