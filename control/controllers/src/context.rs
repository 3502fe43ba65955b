//! What every controller starts from: the API, the shared caches, a recorder, the configuration, and who owns its tasks.

use std::sync::Arc;

use kube::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Config,
    api::Api,
    cache::{Cache, Caches},
    controller::{self, Reconcile},
    events::Recorder,
    meta::Key,
    queue::Queue,
    watch::View,
};

/// Shared by the controllers of one process.
pub(crate) struct Context {
    pub(crate) api: Api,
    pub(crate) config: Config,
    pub(crate) cancel: CancellationToken,
    caches: Caches,
    recorder: Recorder,
    tasks: JoinSet<()>,
}

// === impl Context ===

impl Context {
    /// Nothing runs yet but the writer of events.
    pub(crate) fn new(client: Client, config: Config, cancel: CancellationToken) -> Self {
        let api = Api::new(client);
        let (recorder, writer) = Recorder::new(api.clone(), cancel.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(writer);
        let caches = Caches::new(api.clone(), cancel.clone());
        Self { api, config, cancel, caches, recorder, tasks }
    }

    /// The shared cache of `V`.
    pub(crate) fn cache<V: View>(&self) -> Arc<Cache<V>> {
        self.caches.of()
    }

    /// The recorder of a controller, by the name that its events carry.
    pub(crate) fn recorder(&self, component: &'static str) -> Recorder {
        self.recorder.named(component)
    }

    /// Runs a task until shutdown; it must end with `cancel`.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs a controller once what it looks at is in `synced`.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        queue: Arc<Queue<Key>>,
        controller: impl Reconcile,
        synced: impl Future<Output = ()> + Send + 'static,
    ) {
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = synced => {}
            }
            controller::run(name, queue, Arc::new(controller), cancel).await;
        });
    }

    /// Waits until all have ended.
    pub(crate) async fn join(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Adds each object that comes or changes to `queue` under its own key.
pub(crate) fn enqueue_itself<V: View>(cache: &Cache<V>, queue: &Arc<Queue<Key>>) {
    let queue = queue.clone();
    cache.listen(move |change| {
        if let Some(object) = change.latest() {
            queue.add(object.meta().key());
        }
    });
}

/// Adds the controller of `kind` that manages the object, on both sides of each change, to `queue`.
pub(crate) fn enqueue_controller<V: View>(cache: &Cache<V>, kind: &str, queue: &Arc<Queue<Key>>) {
    let (queue, kind) = (queue.clone(), Box::<str>::from(kind));
    cache.listen(move |change| {
        for object in change.sides() {
            let meta = object.meta();
            if let Some(owner) = meta.controller().filter(|owner| owner.kind == kind) {
                queue.add(Key::new(&meta.namespace, &owner.name));
            }
        }
    });
}

/// Adds every one of `owners` in the namespace of an object without controller to `queue`: any of them may adopt it. Such
/// objects are rare.
pub(crate) fn enqueue_adopters<V: View, O: View>(orphans: &Cache<V>, owners: &Arc<Cache<O>>, queue: &Arc<Queue<Key>>) {
    let (owners, queue) = (owners.clone(), queue.clone());
    orphans.listen(move |change| {
        let Some(orphan) = change.new.filter(|orphan| orphan.meta().controller().is_none()) else { return };
        for owner in owners.in_namespace(&orphan.meta().namespace, |_| true) {
            queue.add(owner.meta().key());
        }
    });
}
