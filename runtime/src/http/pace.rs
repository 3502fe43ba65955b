//! Guards requests against slow peers: one that keeps a server waiting must go on at a least rate, or is cut off.
//!
//! # Guarantees
//! Only the time in which the peer is waited for counts: an idle stream of events is never cut, a client that does not
//! read what is there for it, or does not send what it announced, is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

/// How long a peer may be waited for without a byte moving.
const STALL_MAX: Duration = Duration::from_secs(30);
/// What buys a slow peer more time: trickling one byte at a time does not.
const RATE_BYTES_PER_SECOND_MIN: u64 = 1 << 10;

/// How much longer one peer may be waited for in one direction.
#[derive(Debug)]
struct Pace {
    left: Duration,
    /// Since when it is waited for, and when that is over. An idle connection costs no timer.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    fn new() -> Self {
        Self { left: STALL_MAX, waiting: None }
    }

    /// The peer is waited for; ready when it has been for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let begin = || (Instant::now(), Box::pin(tokio::time::sleep(left)));
        let (_, over) = self.waiting.get_or_insert_with(begin);
        over.as_mut().poll(cx)
    }

    fn moved(&mut self, bytes: usize) {
        let waited = self.waiting.take().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        self.left = left_after(self.left, waited, bytes);
    }
}

/// Waiting uses time up, bytes bring it back.
fn left_after(left: Duration, waited: Duration, bytes: usize) -> Duration {
    let earned = Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000 / RATE_BYTES_PER_SECOND_MIN));
    (left.saturating_sub(waited) + earned).min(STALL_MAX)
}

/// A connection whose other end must take what is written to it.
pub(crate) struct PacedWrites<S> {
    stream: S,
    pace: Pace,
}

impl<S: AsyncWrite + Unpin> PacedWrites<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, pace: Pace::new() }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        ready!(self.pace.poll_stalled(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedWrites<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PacedWrites<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(bytes)) = written {
            self.pace.moved(bytes);
        }
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(bytes)) = written {
            self.pace.moved(bytes);
        }
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, shut)
    }
}

/// A request's body whose sender must send what it announced.
pub(crate) struct PacedBody {
    body: Incoming,
    pace: Pace,
}

impl PacedBody {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { body, pace: Pace::new() }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // What has come is looked at before how long it took: the guest may have been busy elsewhere.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
            self.pace.moved(data.map_or(0, Bytes::len));
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        ready!(self.pace.poll_stalled(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn waiting_uses_time_up_and_bytes_bring_it_back() {
        let second = Duration::from_secs(1);
        assert_eq!(left_after(STALL_MAX, 10 * second, 0), STALL_MAX - 10 * second);
        assert_eq!(left_after(10 * second, 5 * second, 2048).as_millis(), 6_999);
        assert_eq!(left_after(STALL_MAX, Duration::ZERO, usize::MAX), STALL_MAX);
        assert_eq!(left_after(second, 2 * second, 0), Duration::ZERO);
    }

    /// Writes until the other end has been waited for too long: for how long that was, and how much it took.
    async fn write_while(read_every: Option<Duration>) -> (Duration, usize) {
        let (stream, mut other) = tokio::io::duplex(16);
        let begin = Instant::now();
        let reading = async {
            let Some(every) = read_every else { return std::future::pending::<()>().await };
            let mut bytes = [0; 4];
            loop {
                tokio::time::sleep(every).await;
                other.read_exact(&mut bytes).await.unwrap();
            }
        };
        let mut paced = PacedWrites::new(stream);
        let mut written = 0;
        let writing = async {
            loop {
                match paced.write(&[0]).await {
                    Ok(bytes) => written += bytes,
                    Err(err) => return assert_eq!(err.kind(), io::ErrorKind::TimedOut),
                }
            }
        };
        tokio::select! {
            () = writing => {}
            () = reading => {}
            () = tokio::time::sleep(Duration::from_secs(120)) => {}
        }
        (begin.elapsed(), written)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_cut_off() {
        let (waited, written) = write_while(None).await;
        assert_eq!((waited.as_secs(), written), (STALL_MAX.as_secs(), 16));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_trickles_is_cut_off_too() {
        let (waited, _) = write_while(Some(Duration::from_secs(1))).await;
        assert!(waited < STALL_MAX + Duration::from_secs(3), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_goes_on_at_the_least_rate_is_served() {
        let every = Duration::from_millis(1);
        let (waited, written) = write_while(Some(every)).await;
        assert!(waited >= Duration::from_secs(120) && written > 100_000, "{waited:?} {written}");
    }
}
