//! Keeps a sink in step with a collection: list, then watch, again from where it was after a break.
//!
//! # Guarantees
//! A sink sees every object at least once after a list, and then every change in order. After a gap in the history
//! it gets a whole new list.

use std::{sync::Arc, time::Duration};

use futures::{Stream, TryStreamExt};
use http::Method;
use kube::core::WatchEvent;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    api::{self, Api, Error, List, Resource},
    meta::Meta,
};

/// Something that has metadata.
pub(crate) trait Object: Clone + DeserializeOwned + Send + Sync + 'static {
    /// The object's metadata.
    fn meta(&self) -> &Meta;

    /// The object's metadata, to be changed.
    fn meta_mut(&mut self) -> &mut Meta;
}

/// A view of a kind: its metadata and the fields that are read of it.
pub(crate) trait View: Object {
    /// Which collection it is a view of.
    const RESOURCE: &'static Resource;
    /// Whether only metadata is asked for.
    const FORM: Form = Form::Whole;
    /// Narrows the collection, as a query string; empty for all of it.
    const QUERY: &'static str = "";
}

/// How much of each object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// All of it; the view picks what it reads.
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
}

/// What is watched.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    pub(crate) resource: Resource,
    pub(crate) form: Form,
    pub(crate) query: &'static str,
}

/// What takes in the objects of a collection.
pub(crate) trait Sink<T>: Send + Sync {
    /// The whole collection as of `revision`.
    fn replace(&self, objects: Vec<T>, revision: u64);
    /// One object came or changed.
    fn put(&self, object: T);
    /// One object went.
    fn remove(&self, object: T);
    /// Nothing else happened up to `revision`.
    fn advance(&self, revision: u64);
}

/// A page holds at most so many objects.
const PAGE_OBJECTS_MAX: usize = 500;
/// A watch ends by itself after so long and is started again.
const WATCH_SECONDS_MAX: u64 = 290;
/// The pauses after failures double between these.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Runs until `cancel`.
pub(crate) async fn run<T: Object>(
    api: Api,
    collection: Collection,
    sink: Arc<dyn Sink<T>>,
    cancel: CancellationToken,
) {
    let run = async {
        let mut pause = PAUSE_MIN;
        loop {
            match list(&api, &collection, sink.as_ref()).await {
                Ok(revision) => {
                    pause = PAUSE_MIN;
                    watch(&api, &collection, sink.as_ref(), revision).await;
                }
                Err(error) => {
                    warn!(resource = %collection.resource.plural, reason = error.message(), "list failed");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = run => {}
    }
}

async fn list<T: Object>(api: &Api, collection: &Collection, sink: &dyn Sink<T>) -> Result<String, Error> {
    let accept = match collection.form {
        Form::Whole => "application/json",
        Form::Metadata => api::METADATA_ONLY_LIST,
    };
    let base = format!("{}?limit={PAGE_OBJECTS_MAX}&{}", collection.resource.path(""), collection.query);
    let mut objects = Vec::new();
    let mut path = base.clone();
    loop {
        let page: List<T> = api.read_as(&path, accept).await?;
        objects.extend(page.items);
        if page.metadata.next.is_empty() {
            let revision = page.metadata.resource_version;
            sink.replace(objects, revision.parse().unwrap_or(0));
            return Ok(revision);
        }
        path = format!("{base}&continue={}", page.metadata.next);
    }
}

/// Follows changes from `revision` until the history is gone.
async fn watch<T: Object>(api: &Api, collection: &Collection, sink: &dyn Sink<T>, mut revision: String) {
    let mut pause = PAUSE_MIN;
    loop {
        match follow(api, collection, sink, &mut revision).await {
            Ok(Ended::Closed) => pause = PAUSE_MIN,
            Ok(Ended::Gone) => return,
            Err(error) => {
                debug!(resource = %collection.resource.plural, reason = error.message(), "watch failed");
                // The resource itself may be gone (a deleted definition): only a new list can tell.
                if error.is_not_found() || error.status().is_some_and(|status| status.code == 410) {
                    return;
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

enum Ended {
    /// The server closed it; it can go on from where it was.
    Closed,
    /// The history is gone.
    Gone,
}

async fn follow<T: Object>(
    api: &Api,
    collection: &Collection,
    sink: &dyn Sink<T>,
    revision: &mut String,
) -> Result<Ended, Error> {
    let path = format!(
        "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS_MAX}&resourceVersion={revision}&{}",
        collection.resource.path(""),
        collection.query
    );
    let accept = match collection.form {
        Form::Whole => "application/json",
        Form::Metadata => api::METADATA_ONLY,
    };
    let failed = |source| Error::Call { method: Method::GET, path: path.clone(), source: Box::new(source) };
    let request = api::request(Method::GET, &path, accept, Vec::new())?;
    let events = api.client().request_events::<T>(request).await.map_err(failed)?;
    let mut events = std::pin::pin!(typed(events));
    while let Some(event) = events.try_next().await.map_err(failed)? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                *revision = object.meta().resource_version.to_string();
                sink.put(object);
            }
            WatchEvent::Deleted(object) => {
                *revision = object.meta().resource_version.to_string();
                sink.remove(object);
            }
            WatchEvent::Bookmark(bookmark) => {
                *revision = bookmark.metadata.resource_version;
                sink.advance(revision.parse().unwrap_or(0));
            }
            WatchEvent::Error(status) if status.code == 410 => return Ok(Ended::Gone),
            WatchEvent::Error(status) => return Err(failed(kube::Error::Api(status))),
        }
    }
    Ok(Ended::Closed)
}

/// Names the items of the stream, which `impl TryStream` hides from inference.
fn typed<T>(
    events: impl Stream<Item = Result<WatchEvent<T>, kube::Error>>,
) -> impl Stream<Item = Result<WatchEvent<T>, kube::Error>> {
    events
}
