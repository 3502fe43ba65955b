//! GET with `watch`: the state at the start, then every change, as one JSON document a line.
//!
//! # Guarantees
//! Events come in the order of their revisions. An object that leaves the selection is told as deleted, with its state
//! before and the revision of the change. The headers go out at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use storage::{Event, Object, Paging, Revision, Storage, Watch};
use tokio::time::{Instant, sleep_until};

use crate::content::Form;
use crate::error::Failure;
use crate::query::parse_uint;
use crate::registry::resource::Verb;
use crate::rest::list::{For, Listing};
use crate::rest::watch_event::{Encoder, Kind};
use crate::rest::{Call, answer, get};

/// How long a watch lasts that says nothing: at least this, at most twice as long, so that not all end together.
const TIMEOUT_SECONDS_MIN: u64 = 1800;
/// The longest that a client can ask for.
const TIMEOUT_SECONDS_MAX: i64 = 24 * 3600;
/// How often an idle watch says where it is.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);

/// Streams the changes of what the path and query mean.
pub async fn watch(call: &Call) -> Result<Response, Failure> {
    if !call.resource.verbs.contains(&Verb::Watch) {
        return Err(Failure::not_supported(&call.resource.gvk.group, &call.resource.plural, "watch"));
    }
    let listing = Listing::of(call, For::Watch)?;
    let start = Start::of(call)?;
    let bookmarks = call.query.flag("allowWatchBookmarks");
    let encoder = Encoder::new(call);
    let storage = &call.server.registry.storage;
    let (initial, from) = match start {
        Start::State { .. } => {
            let page = storage.list(&listing.query, Paging::default()).await?;
            (page.objects, page.revision)
        }
        Start::After(revision) => (Vec::new(), revision),
    };
    let initial: VecDeque<Object> = initial.into_iter().filter(|object| listing.selection.matches(object)).collect();
    let live = match storage.watch(listing.query.clone(), from.min(storage.revision())) {
        Ok(live) => live,
        Err(storage::Error::Compacted { asked, oldest }) => return Ok(gone(&encoder, asked, oldest)),
        Err(error) => return Err(error.into()),
    };
    if matches!(call.accept.form, Form::MetadataList(_)) {
        // No event is a list; upstream ends the watch at the first.
        return Ok(answer::response(StatusCode::OK, "application/json", Body::empty()));
    }
    let now = Instant::now();
    let stream = Stream {
        listing,
        initial,
        end_mark: (bookmarks && matches!(start, Start::State { marked: true })).then_some(from),
        live,
        from,
        encoder,
        deadline: now + timeout(call)?,
        next_bookmark: bookmarks.then(|| now + BOOKMARK_PERIOD),
        reached: None,
        storage: storage.clone(),
    };
    let lines = futures::stream::unfold(stream, |mut stream| async move {
        let line = stream.next().await?;
        Some((Ok::<Bytes, std::convert::Infallible>(line), stream))
    });
    Ok(answer::response(StatusCode::OK, "application/json", Body::from_stream(lines)))
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// With the state as it is; `marked` if a bookmark may end it.
    State { marked: bool },
    /// With what comes after a revision.
    After(Revision),
}

impl Start {
    fn of(call: &Call) -> Result<Start, Failure> {
        let text = call.query.text("resourceVersion");
        let version = match text {
            "" => 0,
            text => parse_uint(text).map_err(|err| get::invalid_version(text, &err))?,
        };
        let current = call.server.registry.storage.revision();
        match call.query.optional_flag("sendInitialEvents") {
            Some(true) if version > current.0 => Err(Failure::future_version(version, current.0)),
            Some(true) => Ok(Start::State { marked: true }),
            Some(false) if version == 0 => Ok(Start::After(current)),
            None if version == 0 => Ok(Start::State { marked: true }),
            Some(false) | None => Ok(Start::After(Revision(version))),
        }
    }
}

/// A watch under way.
struct Stream {
    listing: Listing,
    /// What of the state is still to be told.
    initial: VecDeque<Object>,
    /// The revision of the state, if its end is to be told.
    end_mark: Option<Revision>,
    live: Watch,
    /// Nothing up to this is told.
    from: Revision,
    encoder: Encoder,
    deadline: Instant,
    /// When to say next where the watch is, if at all.
    next_bookmark: Option<Instant>,
    /// Where the watch is once everything that waits in `live` has been told.
    reached: Option<Revision>,
    storage: Arc<dyn Storage>,
}

impl Stream {
    /// The next line; `None` when the time is over or the client was too slow. Cancellation safe.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(object) = self.initial.pop_front() {
            return Some(self.encoder.event(Kind::Added, &object.value, object.revision));
        }
        if let Some(revision) = self.end_mark.take() {
            return Some(self.encoder.bookmark(revision, true));
        }
        loop {
            let bookmark = self.next_bookmark.unwrap_or(self.deadline);
            tokio::select! {
                biased;
                event = self.live.next() => {
                    if let Some(line) = self.tell(&event?) {
                        return Some(line);
                    }
                }
                () = std::future::ready(()), if self.reached.is_some() => {
                    self.from = self.from.max(self.reached.take().unwrap_or_default());
                    return Some(self.encoder.bookmark(self.from, false));
                }
                () = sleep_until(self.deadline) => return None,
                () = sleep_until(bookmark), if self.next_bookmark.is_some() => {
                    self.next_bookmark = Some(bookmark + BOOKMARK_PERIOD);
                    self.reached = Some(self.latest());
                }
            }
        }
    }

    /// A revision up to which every event is in `live` already. The changes of other kinds count too: without them a
    /// watch where nothing happens would go on from a version that is long forgotten.
    fn latest(&self) -> Revision {
        let revision = self.storage.revision();
        // Beginning a watch excludes publishing, so what was published as `revision` has reached all watchers then.
        drop(self.storage.watch(self.listing.query.clone(), revision));
        revision
    }

    fn tell(&mut self, event: &Event) -> Option<Bytes> {
        if event.revision <= self.from {
            return None;
        }
        self.from = event.revision;
        let selection = &self.listing.selection;
        let before = event.previous.as_ref().filter(|object| selection.matches(object));
        let after = event.object.as_ref().filter(|object| selection.matches(object));
        let (kind, object) = match (before, after) {
            (None, None) => return None,
            (None, Some(object)) => (Kind::Added, object),
            (Some(_), Some(object)) => (Kind::Modified, object),
            (Some(previous), None) => {
                let value = self.encoder.with_revision(previous, event.revision);
                return Some(self.encoder.event(Kind::Deleted, &value, event.revision));
            }
        };
        let value = object.value.clone();
        Some(self.encoder.event(kind, &value, event.revision))
    }
}

fn timeout(call: &Call) -> Result<Duration, Failure> {
    let asked = call.query.integer("timeoutSeconds")?.filter(|seconds| *seconds > 0);
    let seconds = match asked {
        Some(seconds) => seconds.min(TIMEOUT_SECONDS_MAX).unsigned_abs(),
        None => {
            let mut byte = [0u8; 2];
            SystemRandom::new().fill(&mut byte).expect("the kernel gives random bytes");
            TIMEOUT_SECONDS_MIN + u64::from(u16::from_le_bytes(byte)) % TIMEOUT_SECONDS_MIN
        }
    };
    Ok(Duration::from_secs(seconds))
}

/// A stream of one event: the history that was asked for is gone.
fn gone(encoder: &Encoder, asked: Revision, oldest: Revision) -> Response {
    let failure = Failure::expired(format!("too old resource version: {} ({})", asked.0, oldest.0));
    let line = encoder.error(&failure);
    answer::response(StatusCode::OK, "application/json", line.into())
}

/// Whether a form of objects is made anew for each watcher.
pub(super) fn is_plain(form: Form) -> bool {
    matches!(form, Form::Plain | Form::Discovery)
}

/// An event of a tree.
pub(super) fn line(kind: &str, object: &Value) -> Bytes {
    let mut line = json!({"type": kind, "object": object}).to_string().into_bytes();
    line.push(b'\n');
    line.into()
}
