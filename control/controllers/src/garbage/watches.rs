//! Follows the metadata of every resource that the server has, those that come later included.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    api::{Api, Resource},
    discovery::{self, Served},
    meta::{Key, Meta},
    watch::{self, Collection, Form, Object, Sink},
};

use super::{
    Shared,
    graph::{Node, Uid},
};

/// How often to ask whether there are new resources.
const REFRESH: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(1);

/// Any object's metadata.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Partial {
    pub(super) metadata: Meta,
}

/// Takes in the objects of one resource.
struct Intake {
    resource: Arc<Resource>,
    shared: Arc<Shared>,
}

/// Starts and stops watches as resources come and go, until `cancel`.
pub(super) async fn run(api: Api, shared: Arc<Shared>, cancel: CancellationToken) {
    let mut running: HashMap<Resource, CancellationToken> = HashMap::new();
    let mut watches = JoinSet::new();
    loop {
        let pause = match discovery::discover(&api).await {
            Err(error) => {
                warn!(reason = error.message(), "discovery failed");
                RETRY
            }
            Ok(discovered) => {
                let served: Vec<_> = discovered.resources.into_iter().filter(is_collected).collect();
                if discovered.failed.is_empty() {
                    stop_missing(&mut running, &served);
                }
                shared.learn(served.clone());
                for served in &served {
                    if !running.contains_key(&served.resource) {
                        let token = cancel.child_token();
                        running.insert(served.resource.clone(), token.clone());
                        watches.spawn(follow(api.clone(), served.resource.clone(), shared.clone(), token));
                    }
                }
                REFRESH
            }
        };
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    while watches.join_next().await.is_some() {}
}

/// Events come and go too often, own nothing and are owned by nobody.
fn is_collected(served: &Served) -> bool {
    served.can(&["list", "watch", "delete"]) && served.resource.plural != "events"
}

fn stop_missing(running: &mut HashMap<Resource, CancellationToken>, served: &[Served]) {
    running.retain(|resource, token| {
        let stays = served.iter().any(|served| served.resource == *resource);
        if !stays {
            debug!(resource = %resource.plural, "resource is gone");
            token.cancel();
        }
        stays
    });
}

async fn follow(api: Api, resource: Resource, shared: Arc<Shared>, cancel: CancellationToken) {
    let intake = Intake { resource: Arc::new(resource.clone()), shared };
    let collection = Collection { resource, form: Form::Metadata, query: "" };
    watch::run::<Partial>(api, collection, Arc::new(intake), cancel).await;
}

impl Object for Partial {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.metadata
    }
}

// === impl Intake ===

impl Intake {
    fn look(&self, uids: Vec<Uid>) {
        for uid in uids {
            self.shared.queue.add(Key { namespace: "".into(), name: uid });
        }
    }
}

impl Sink<Partial> for Intake {
    fn replace(&self, objects: Vec<Partial>, _: u64) {
        let look = {
            let mut graph = self.shared.graph.write().unwrap_or_else(PoisonError::into_inner);
            let mut look = Vec::new();
            for uid in graph.of_resource(&self.resource) {
                if !objects.iter().any(|object| *object.metadata.uid == *uid) {
                    look.extend(graph.remove(&uid));
                }
            }
            for object in &objects {
                look.extend(graph.put(Node::of(&self.resource, &object.metadata)));
            }
            // Owners that are not kept may have gone unseen since the last list.
            look.extend(graph.owned_by_kind(&self.resource.kind));
            look
        };
        self.look(look);
    }

    fn put(&self, object: Partial) {
        let node = Node::of(&self.resource, &object.metadata);
        let look = self.shared.graph.write().unwrap_or_else(PoisonError::into_inner).put(node);
        self.look(look);
    }

    fn remove(&self, object: Partial) {
        let uid = &object.metadata.uid;
        let look = self.shared.graph.write().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.look(look);
    }

    fn advance(&self, _: u64) {}
}
