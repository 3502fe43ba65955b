//! Follows a collection: list, then watch, again from where it was after a break; changes go into a bounded channel.

use std::time::Duration;

use futures::{Stream, TryStreamExt};
use http::{Method, Request, header};
use kube::{Client, core::WatchEvent};
use serde::Deserialize;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::view::Object;

/// What happened to a collection.
#[derive(Debug)]
pub(crate) enum Change<T> {
    /// This is all of it.
    All(Vec<T>),
    Put(T),
    Gone(T),
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Object"))]
struct List<T> {
    metadata: ListMeta,
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

const PAGE_OBJECTS_MAX: usize = 500;
const WATCH_SECONDS_MAX: u64 = 290;
/// The pauses after failures double between these.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Runs until nobody takes the changes any more.
pub(crate) async fn run<T: Object>(client: Client, path: &'static str, changes: mpsc::Sender<Change<T>>) {
    let mut pause = PAUSE_MIN;
    while !changes.is_closed() {
        let ended = match list::<T>(&client, path).await {
            Ok((objects, revision)) => {
                pause = PAUSE_MIN;
                if changes.send(Change::All(objects)).await.is_err() {
                    return;
                }
                watch(&client, path, revision, &changes).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            warn!(path, %error, "list or watch failed");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

async fn list<T: Object>(client: &Client, path: &str) -> Result<(Vec<T>, String), kube::Error> {
    let (mut objects, mut next) = (Vec::new(), String::new());
    loop {
        let page: List<T> = client.request(get(&format!("{path}?limit={PAGE_OBJECTS_MAX}&continue={next}"))?).await?;
        objects.extend(page.items);
        if page.metadata.next.is_empty() {
            return Ok((objects, page.metadata.resource_version));
        }
        next = page.metadata.next;
    }
}

/// Follows changes until the history is gone.
async fn watch<T: Object>(
    client: &Client,
    path: &str,
    mut revision: String,
    changes: &mpsc::Sender<Change<T>>,
) -> Result<(), kube::Error> {
    loop {
        let query = format!("watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS_MAX}");
        let request = get(&format!("{path}?{query}&resourceVersion={revision}"))?;
        let events = match client.request_events::<T>(request).await {
            Err(kube::Error::Api(status)) if status.code == 410 => return Ok(()),
            events => events?,
        };
        let mut events = std::pin::pin!(typed(events));
        while let Some(event) = events.try_next().await? {
            let change = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => Change::Put(object),
                WatchEvent::Deleted(object) => Change::Gone(object),
                WatchEvent::Bookmark(bookmark) => {
                    revision = bookmark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(status) if status.code == 410 => return Ok(()),
                WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
            };
            if let Change::Put(object) | Change::Gone(object) = &change {
                revision = object.meta().resource_version.to_string();
            }
            if changes.send(change).await.is_err() {
                return Ok(());
            }
        }
        debug!(path, "watch ended");
        tokio::time::sleep(PAUSE_MIN).await;
    }
}

fn get(path: &str) -> Result<Request<Vec<u8>>, kube::Error> {
    let request = Request::builder().method(Method::GET).uri(path).header(header::ACCEPT, "application/json");
    request.body(Vec::new()).map_err(kube::Error::HttpError)
}

/// Names the items of the stream, which `impl TryStream` hides from inference.
fn typed<T>(
    events: impl Stream<Item = Result<WatchEvent<T>, kube::Error>>,
) -> impl Stream<Item = Result<WatchEvent<T>, kube::Error>> {
    events
}
