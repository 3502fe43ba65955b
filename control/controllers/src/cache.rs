//! One shared copy of a collection as views, with what happened to it told to the controllers that listen.
//!
//! # Guarantees
//! What a controller wrote can be put in at once (`observe`), so that its next look includes its own writes; a change
//! that is older than what is held is ignored. This is what keeps a ReplicaSet from making a pod twice.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tokio::{sync::watch as signal, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    api::Api,
    clock::Time,
    meta::Key,
    watch::{self, Collection, Sink, View},
};

/// A change to one object. It came if `old` is empty, it went if `new` is.
pub(crate) struct Change<'a, V> {
    pub(crate) old: Option<&'a Arc<V>>,
    pub(crate) new: Option<&'a Arc<V>>,
}

type Listener<V> = Box<dyn Fn(Change<'_, V>) + Send + Sync>;

/// The objects of one collection.
pub(crate) struct Cache<V> {
    state: RwLock<State<V>>,
    listeners: RwLock<Vec<Listener<V>>>,
    synced: signal::Sender<bool>,
}

struct State<V> {
    objects: BTreeMap<Key, Arc<V>>,
    /// How far the watch has come.
    revision: u64,
}

/// Who says that an object is as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Watch,
    /// The API's answer to our own write.
    Answer,
    /// The API's answer to our own deletion.
    Deletion,
}

/// The caches that run, one per view, started when first asked for.
pub(crate) struct Caches {
    api: Api,
    cancel: CancellationToken,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    caches: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    watches: JoinSet<()>,
}

// === impl Change ===

impl<V> Change<'_, V> {
    /// The object after the change, or before it if it went.
    pub(crate) fn latest(&self) -> Option<&Arc<V>> {
        self.new.or(self.old)
    }

    /// Both sides of the change.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Arc<V>> {
        self.old.into_iter().chain(self.new)
    }
}

// === impl Cache ===

impl<V: View> Cache<V> {
    fn new() -> Self {
        Self {
            state: RwLock::new(State { objects: BTreeMap::new(), revision: 0 }),
            listeners: RwLock::default(),
            synced: signal::Sender::new(false),
        }
    }

    /// The object at `key`.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<V>> {
        self.read().objects.get(key).cloned()
    }

    /// All objects in `namespace` that `keep` wants, in order of their names.
    pub(crate) fn in_namespace(&self, namespace: &str, keep: impl Fn(&V) -> bool) -> Vec<Arc<V>> {
        let from = Key::new(namespace, "");
        let state = self.read();
        let here = state.objects.range(from..).take_while(|(key, _)| key.namespace.as_ref() == namespace);
        here.filter(|(_, object)| keep(object)).map(|(_, object)| object.clone()).collect()
    }

    /// All objects that `keep` wants.
    pub(crate) fn all(&self, keep: impl Fn(&V) -> bool) -> Vec<Arc<V>> {
        self.read().objects.values().filter(|object| keep(object)).cloned().collect()
    }

    /// Tells `listener` of every object there is, and of every change from now on. It must be quick: it holds up the watch.
    pub(crate) fn listen(&self, listener: impl Fn(Change<'_, V>) + Send + Sync + 'static) {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        for object in self.read().objects.values() {
            listener(Change { old: None, new: Some(object) });
        }
        listeners.push(Box::new(listener));
    }

    /// Waits until the first list is in. Cancellation safe.
    pub(crate) async fn synced(&self) {
        let mut synced = self.synced.subscribe();
        // The sender lives as long as `self`, so that this cannot fail.
        let _ = synced.wait_for(|synced| *synced).await;
    }

    /// Takes in an object as the API answered to a write, unless the watch is ahead of it.
    pub(crate) fn observe(&self, object: V) {
        self.store(object, Origin::Answer);
    }

    /// Notes that the API took a deletion. The object counts as deleting until the watch tells that it is gone.
    pub(crate) fn observe_deletion(&self, mut object: V, now: Time) {
        object.meta_mut().deletion_timestamp.get_or_insert(now);
        self.store(object, Origin::Deletion);
    }

    fn store(&self, object: V, origin: Origin) {
        let object = Arc::new(object);
        let old = {
            let mut state = self.write();
            let (key, revision) = (object.meta().key(), object.meta().resource_version);
            let old = state.objects.get(&key).filter(|old| old.meta().uid == object.meta().uid);
            let wanted = match (origin, old) {
                (Origin::Watch | Origin::Answer, Some(old)) => old.meta().resource_version < revision,
                (Origin::Watch, None) => true,
                (Origin::Answer, None) => state.revision < revision,
                (Origin::Deletion, old) => old.is_some(),
            };
            if origin == Origin::Watch {
                state.revision = state.revision.max(revision);
            }
            if !wanted {
                return;
            }
            state.objects.insert(key, object.clone())
        };
        self.tell(old.as_ref(), Some(&object));
    }

    fn tell(&self, old: Option<&Arc<V>>, new: Option<&Arc<V>>) {
        for listener in self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
            listener(Change { old, new });
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State<V>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<V>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: View> Sink<V> for Cache<V> {
    fn replace(&self, objects: Vec<V>, revision: u64) {
        let mut fresh: BTreeMap<Key, Arc<V>> =
            objects.into_iter().map(|object| (object.meta().key(), Arc::new(object))).collect();
        let before = {
            let mut state = self.write();
            // What was written after the list was made stays.
            let newer = state.objects.iter().filter(|(_, object)| object.meta().resource_version > revision);
            fresh.extend(newer.map(|(key, object)| (key.clone(), object.clone())));
            state.revision = revision;
            std::mem::replace(&mut state.objects, fresh.clone())
        };
        for (key, object) in &fresh {
            self.tell(before.get(key), Some(object));
        }
        for (key, object) in before.iter().filter(|(key, _)| !fresh.contains_key(key)) {
            debug_assert_eq!(*key, object.meta().key());
            self.tell(Some(object), None);
        }
        self.synced.send_replace(true);
    }

    fn put(&self, object: V) {
        self.store(object, Origin::Watch);
    }

    fn remove(&self, object: V) {
        let old = {
            let mut state = self.write();
            state.revision = state.revision.max(object.meta().resource_version);
            state.objects.remove(&object.meta().key())
        };
        self.tell(Some(&old.unwrap_or_else(|| Arc::new(object))), None);
    }

    fn advance(&self, revision: u64) {
        let mut state = self.write();
        state.revision = state.revision.max(revision);
    }
}

// === impl Caches ===

impl Caches {
    /// No cache runs yet.
    pub(crate) fn new(api: Api, cancel: CancellationToken) -> Self {
        Self { api, cancel, running: Mutex::default() }
    }

    /// The cache of `V`, which starts to fill if it is the first time.
    pub(crate) fn of<V: View>(&self) -> Arc<Cache<V>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = running.caches.get(&TypeId::of::<V>()) {
            return cache.clone().downcast().expect("the entry of a type holds the cache of that type");
        }
        let cache = Arc::new(Cache::<V>::new());
        running.caches.insert(TypeId::of::<V>(), cache.clone());
        let collection = Collection { resource: V::RESOURCE.clone(), form: V::FORM, query: V::QUERY };
        let watch = watch::run::<V>(self.api.clone(), collection, cache.clone(), self.cancel.clone());
        running.watches.spawn(watch);
        cache
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{meta::Meta, view::metadata::Namespace};

    fn object(revision: u64) -> Namespace {
        let metadata = Meta { name: "a".into(), uid: "1".into(), resource_version: revision, ..Meta::default() };
        Namespace { metadata }
    }

    fn held(cache: &Cache<Namespace>) -> Option<(u64, bool)> {
        let held = cache.get(&Key::new("", "a"))?;
        Some((held.metadata.resource_version, held.metadata.is_deleting()))
    }

    #[test]
    fn our_own_write_counts_at_once_and_older_news_does_not() {
        let cache = Cache::new();
        cache.observe(object(5));
        cache.put(object(4));
        assert_eq!(held(&cache), Some((5, false)));
        cache.put(object(6));
        assert_eq!(held(&cache), Some((6, false)));
    }

    #[test]
    fn an_answer_that_comes_after_the_deletion_was_seen_brings_nothing_back() {
        let cache = Cache::new();
        cache.put(object(5));
        cache.remove(object(6));
        cache.observe(object(5));
        assert_eq!(held(&cache), None);
    }

    #[test]
    fn what_we_deleted_counts_as_deleting_until_it_is_gone() {
        let cache = Cache::new();
        cache.put(object(5));
        cache.observe_deletion(object(5), Time(1));
        cache.put(object(5));
        assert_eq!(held(&cache), Some((5, true)));
        cache.remove(object(6));
        assert_eq!(held(&cache), None);
    }

    #[test]
    fn a_new_list_drops_what_is_gone_and_keeps_what_is_newer() {
        let cache = Cache::new();
        cache.observe(object(9));
        cache.replace(Vec::new(), 8);
        assert_eq!(held(&cache), Some((9, false)));
        cache.replace(Vec::new(), 9);
        assert_eq!(held(&cache), None);
    }
}
