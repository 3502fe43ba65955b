//! Notices that ConfigMaps and Secrets that volumes show have changed: asks for the version of each once in a period,
//! however many pods show it, and wakes the pods that do when it is another.
//!
//! # Guarantees
//! Nothing is asked for while no pod shows anything, nor for what says that it is immutable.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Resource};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::Agent;
use super::pod::source::{Names, Sources};
use super::pods::PodEntry;

/// The versions of what volumes show.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    shown: Mutex<BTreeMap<Key, Shown>>,
    added: Notify,
}

/// A ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: Kind,
    namespace: String,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    ConfigMap,
    Secret,
}

/// What is known of one of them.
#[derive(Debug)]
struct Shown {
    /// Its resourceVersion; `None` if it is not there.
    version: Option<String>,
    /// The pods whose volumes show it.
    pods: Vec<Weak<PodEntry>>,
}

// === impl Versions ===

impl Versions {
    /// Notes that a pod's volumes show these, as they were just fetched.
    pub(crate) fn track(&self, entry: &Arc<PodEntry>, names: &Names, sources: &Sources) {
        let config_maps = names.config_maps.iter().map(|name| {
            let found = sources.config_maps.get(name);
            (Kind::ConfigMap, name, found.and_then(|it| it.immutable), found.map(|it| &it.metadata))
        });
        let secrets = names.secrets.iter().map(|name| {
            let found = sources.secrets.get(name);
            (Kind::Secret, name, found.and_then(|it| it.immutable), found.map(|it| &it.metadata))
        });
        let mut shown = self.shown.lock();
        for (kind, name, immutable, meta) in config_maps.chain(secrets) {
            if immutable == Some(true) || name.is_empty() {
                continue;
            }
            let key = Key { kind, namespace: entry.namespace.clone(), name: name.clone() };
            // A version that is known stays: pods that showed it before have not heard of another yet.
            let version = meta.and_then(|it| it.resource_version.clone());
            let known = shown.entry(key).or_insert_with(|| Shown { version: version.clone(), pods: Vec::new() });
            if older(version.as_deref(), known.version.as_deref()) {
                // It changed, and all others were woken, after this pod had fetched it.
                entry.mark_stale();
            }
            if !known.pods.iter().any(|it| std::ptr::eq(it.as_ptr(), Arc::as_ptr(entry))) {
                known.pods.push(Arc::downgrade(entry));
            }
        }
        drop(shown);
        self.added.notify_one();
    }

    /// What pods that are at work show. The rest is forgotten.
    fn keys(&self) -> Vec<Key> {
        let mut shown = self.shown.lock();
        shown.retain(|_, it| {
            it.pods.retain(|pod| pod.upgrade().is_some_and(|pod| pod.at_work.load(Ordering::Acquire)));
            !it.pods.is_empty()
        });
        shown.keys().cloned().collect()
    }

    /// Notes a version; wakes the pods that show it if it is another.
    fn note(&self, key: &Key, version: Option<String>) {
        let mut shown = self.shown.lock();
        let Some(known) = shown.get_mut(key).filter(|it| it.version != version) else { return };
        known.version = version;
        known.pods.iter().filter_map(Weak::upgrade).for_each(|pod| pod.mark_stale());
    }
}

/// Asks for versions for ever.
pub(crate) async fn run(agent: Arc<Agent>) {
    loop {
        let keys = agent.versions.keys();
        if keys.is_empty() {
            agent.versions.added.notified().await;
        }
        for key in keys {
            let version = match key.kind {
                Kind::ConfigMap => version::<ConfigMap>(&agent, &key).await,
                Kind::Secret => version::<Secret>(&agent, &key).await,
            };
            match version {
                Ok(version) => agent.versions.note(&key, version),
                Err(err) => {
                    tracing::debug!(name = key.name, namespace = key.namespace, %err, "could not ask for a version")
                }
            }
        }
        tokio::time::sleep(jittered(agent.config.volume_refresh, Timestamp::now())).await;
    }
}

async fn version<K>(agent: &Agent, key: &Key) -> Result<Option<String>, kube::Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(agent.client.clone(), &key.namespace);
    Ok(api.get_metadata_opt(&key.name).await?.and_then(|it| it.metadata.resource_version))
}

/// Whether a version is certainly older than another: they are numbers that grow.
fn older(version: Option<&str>, than: Option<&str>) -> bool {
    let number = |it: Option<&str>| it.and_then(|it| it.parse::<u64>().ok());
    number(version).zip(number(than)).is_some_and(|(version, than)| version < than)
}

/// Up to half more than the period, so that nodes do not all ask at once.
fn jittered(period: Duration, now: Timestamp) -> Duration {
    let fraction = f64::from(now.subsec_nanosecond().unsigned_abs()) / 1e9;
    period + period.mul_f64(fraction / 2.0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;
    use crate::agent::admit::Requests;

    fn pod(at_work: bool) -> Arc<PodEntry> {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "ns"}})).unwrap();
        let entry = PodEntry::new(&pod, Requests::default());
        entry.at_work.store(at_work, Ordering::Release);
        entry
    }

    fn show(versions: &Versions, entry: &Arc<PodEntry>, version: &str, immutable: bool) {
        let names = Names { config_maps: ["conf".to_owned()].into(), ..Names::default() };
        let mut sources = Sources::default();
        let map = json!({"metadata": {"name": "conf", "resourceVersion": version}, "immutable": immutable});
        sources.config_maps.insert("conf".to_owned(), serde_json::from_value(map).unwrap());
        versions.track(entry, &names, &sources);
    }

    #[test]
    fn pods_are_woken_once_for_each_version_that_is_new_to_one_of_them() {
        let (versions, old, new) = (Versions::default(), pod(true), pod(true));
        show(&versions, &old, "1", false);
        show(&versions, &new, "2", false);
        let keys = versions.keys();
        assert_eq!(keys.len(), 1);
        versions.note(&keys[0], Some("2".to_owned()));
        assert!(old.take_stale() && new.take_stale());
        versions.note(&keys[0], Some("2".to_owned()));
        assert!(!old.take_stale());
        versions.note(&keys[0], None);
        assert!(old.take_stale());
    }

    #[test]
    fn what_nobody_shows_or_nobody_can_change_is_not_asked_for() {
        let versions = Versions::default();
        let (ended, immutable) = (pod(false), pod(true));
        show(&versions, &ended, "1", false);
        assert!(versions.keys().is_empty());
        show(&versions, &immutable, "1", true);
        assert!(versions.keys().is_empty());
    }

    #[test]
    fn periods_differ_by_no_more_than_half() {
        let at = |nanos| jittered(Duration::from_secs(60), Timestamp::new(0, nanos).unwrap());
        assert_eq!(at(0), Duration::from_secs(60));
        assert!(at(999_999_999) <= Duration::from_secs(90));
    }
}
