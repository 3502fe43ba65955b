//! Tells a connection that works from one that is only held: what is under way on it, and when that has been nothing for
//! too long.
//!
//! Requests are counted where HTTP/1 and HTTP/2 meet, so what comes before the first one (a protocol that is never told,
//! a head that dawdles, a handshake of HTTP/2 that never ends) needs no deadlines of its own.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a client may take from its handshake to the end of its first request's head (upstream's ReadHeaderTimeout).
pub(super) const FIRST_REQUEST_SECONDS_MAX: u64 = 32;
/// How long a connection is kept without a request. Longer than the 90 seconds after which client-go closes it, so that a
/// client does not find it closed under its next request.
pub(super) const IDLE_SECONDS_MAX: u64 = 120;

const _: () = assert!(IDLE_SECONDS_MAX > 90, "clients close idle connections first");

/// Counts the requests that are under way on one connection.
#[derive(Clone)]
pub(super) struct Requests(watch::Sender<usize>);

/// A request under way, from its head to the end of its answer.
pub(super) struct UnderWay(Requests);

/// A body of an answer, which keeps its request under way until it is sent or given up.
pub(super) struct Answer {
    body: Body,
    _under_way: UnderWay,
}

/// Which patience of ours came to an end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// The client has never asked anything.
    BeforeFirst,
    /// It has, but not for long.
    Idle,
}

// === impl Requests ===

impl Requests {
    pub(super) fn new() -> Requests {
        Requests(watch::Sender::new(0))
    }

    /// One request more, until what this answers with is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|count| *count += 1);
        UnderWay(self.clone())
    }

    /// Waits until nothing has been under way for too long.
    pub(super) async fn held(&self) -> Held {
        let mut count = self.0.subscribe();
        let (mut held, mut patience) = (Held::BeforeFirst, Duration::from_secs(FIRST_REQUEST_SECONDS_MAX));
        loop {
            let busy = *count.borrow_and_update() > 0;
            let changed = count.changed();
            let changed = if busy { Ok(changed.await) } else { timeout(patience, changed).await };
            let Ok(changed) = changed else { return held };
            changed.expect("this holds a sender");
            (held, patience) = (Held::Idle, Duration::from_secs(IDLE_SECONDS_MAX));
        }
    }
}

// === impl UnderWay ===

impl UnderWay {
    pub(super) fn until_sent(self, body: Body) -> Answer {
        Answer { body, _under_way: self }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

// === impl Answer ===

impl http_body::Body for Answer {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
