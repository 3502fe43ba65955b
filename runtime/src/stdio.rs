//! What a program reads, and who hears what it prints: its log, and whoever listens.
//!
//! # Guarantees
//! - What waits for a listener is bounded by `WAITING_BYTES_MAX` and a chunk for each stream; the program waits for it, and loses nothing.
//! - One listener cannot hold a program that others depend on: whoever joined later is cut off after `PATIENCE`. Who was there from the
//!   start may take its time, since the program runs for nobody else.

mod input;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

pub(crate) use self::input::{Input, Read};
use crate::log::{CHUNK_BYTES_MAX, Log};
use crate::spec::LogStream;

/// Bytes that wait for one listener before the program waits.
const WAITING_BYTES_MAX: usize = 64 << 10;
/// How long a program waits for a listener that joined it and does not read.
const PATIENCE: Duration = Duration::from_secs(60);
/// Listeners of one program.
const LISTENERS_MAX: usize = 16;

/// What a program has in place of a closed input, and of its log alone.
#[derive(Debug, Default)]
pub struct Stdio {
    /// What it reads, until all senders are gone. `None` is closed from the start.
    pub stdin: Option<mpsc::Receiver<Bytes>>,
    /// It believes that a terminal is there.
    pub terminal: bool,
}

/// Hears everything that a program prints from now on. Dropping it lets the program go on alone.
#[derive(Debug)]
pub struct Listener {
    tap: Arc<Tap>,
}

impl Listener {
    /// The next piece of output; `None` once the program is gone. Cancellation safe.
    pub async fn next(&mut self) -> Option<(LogStream, Bytes)> {
        loop {
            let written = self.tap.written.notified();
            {
                let mut state = self.tap.state.lock();
                if let Some((stream, bytes)) = state.chunks.pop_front() {
                    state.bytes -= bytes.len();
                    self.tap.read.notify_waiters();
                    return Some((stream, bytes.freeze()));
                }
                if state.is_over {
                    return None;
                }
            }
            written.await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.tap.end();
    }
}

/// A program's streams, from its side.
#[derive(Debug)]
pub(crate) struct Streams {
    log: Option<Arc<Log>>,
    input: Option<Arc<Input>>,
    taps: Mutex<Vec<Arc<Tap>>>,
    terminal: bool,
}

impl Streams {
    pub(crate) fn new(log: Option<Arc<Log>>, stdio: Stdio) -> Self {
        let input = stdio.stdin.map(|it| Arc::new(Input::new(it)));
        Self { log, input, taps: Mutex::default(), terminal: stdio.terminal }
    }

    pub(crate) fn terminal(&self) -> bool {
        self.terminal
    }

    pub(crate) fn input(&self) -> Option<&Arc<Input>> {
        self.input.as_ref()
    }

    /// Somebody who was there from the start.
    pub(crate) fn first_listener(&self) -> Listener {
        self.tap(None)
    }

    /// Somebody who joins. `None` if there are many already.
    pub(crate) fn listen(&self) -> Option<Listener> {
        let listeners = self.taps.lock().len();
        (listeners < LISTENERS_MAX).then(|| self.tap(Some(PATIENCE)))
    }

    fn tap(&self, patience: Option<Duration>) -> Listener {
        let tap = Arc::new(Tap { patience, ..Tap::default() });
        self.taps.lock().push(Arc::clone(&tap));
        Listener { tap }
    }

    /// How many bytes a stream may write now; zero while it has to wait.
    pub(crate) fn permit(&self) -> usize {
        if self.taps.lock().iter().any(|tap| tap.is_full()) {
            return 0;
        }
        self.log.as_ref().map_or(CHUNK_BYTES_MAX, |log| log.permit())
    }

    /// Waits until a stream may write a chunk. Cancellation safe.
    pub(crate) async fn room(&self) {
        let taps: Vec<Arc<Tap>> = self.taps.lock().clone();
        for tap in taps {
            tap.room().await;
        }
        if let Some(log) = &self.log {
            log.room().await;
        }
    }

    /// Takes what a stream printed.
    pub(crate) fn write(&self, stream: LogStream, bytes: &[u8]) {
        self.taps.lock().retain(|tap| tap.write(stream, bytes));
        if let Some(log) = &self.log {
            log.write(stream, bytes);
        }
    }

    /// The program is gone: listeners hear so, and the log has everything.
    pub(crate) async fn finish(&self) {
        self.end_taps();
        if let Some(log) = &self.log {
            log.finish().await;
        }
    }

    fn end_taps(&self) {
        self.taps.lock().drain(..).for_each(|tap| tap.end());
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.end_taps();
    }
}

/// What waits for one listener.
#[derive(Debug, Default)]
struct Tap {
    state: Mutex<TapState>,
    written: Notify,
    read: Notify,
    patience: Option<Duration>,
}

#[derive(Debug, Default)]
struct TapState {
    // Neighbors are of different streams, so that few wait.
    chunks: VecDeque<(LogStream, BytesMut)>,
    bytes: usize,
    /// Either side is gone.
    is_over: bool,
}

impl Tap {
    fn is_full(&self) -> bool {
        let state = self.state.lock();
        !state.is_over && state.bytes >= WAITING_BYTES_MAX
    }

    /// Whether somebody still listens.
    fn write(&self, stream: LogStream, bytes: &[u8]) -> bool {
        let mut state = self.state.lock();
        if state.is_over {
            return false;
        }
        match state.chunks.back_mut() {
            Some((last, chunk)) if *last == stream => chunk.extend_from_slice(bytes),
            Some(_) | None => state.chunks.push_back((stream, BytesMut::from(bytes))),
        }
        state.bytes += bytes.len();
        self.written.notify_one();
        true
    }

    async fn room(&self) {
        let read = async {
            loop {
                let read = self.read.notified();
                if !self.is_full() {
                    return;
                }
                read.await;
            }
        };
        match self.patience {
            None => read.await,
            Some(patience) => {
                if tokio::time::timeout(patience, read).await.is_err() {
                    tracing::info!("cut off a listener that did not read");
                    self.end();
                }
            }
        }
    }

    fn end(&self) {
        self.state.lock().is_over = true;
        self.written.notify_one();
        self.read.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn a_listener_hears_streams_in_order_and_the_end() {
        let streams = Streams::new(None, Stdio::default());
        let mut listener = streams.first_listener();
        for (stream, text) in [(LogStream::Stdout, "a"), (LogStream::Stdout, "b"), (LogStream::Stderr, "c")] {
            streams.write(stream, text.as_bytes());
        }
        streams.finish().await;
        assert_eq!(listener.next().await, Some((LogStream::Stdout, "ab".into())));
        assert_eq!(listener.next().await, Some((LogStream::Stderr, "c".into())));
        assert_eq!(listener.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_waits_for_its_first_listener_and_loses_patience_with_others() {
        let streams = Streams::new(None, Stdio::default());
        let mut first = streams.first_listener();
        let chunk = [b'x'; CHUNK_BYTES_MAX];
        while streams.permit() > 0 {
            streams.write(LogStream::Stdout, &chunk);
        }
        assert!(tokio::time::timeout(PATIENCE * 10, streams.room()).await.is_err(), "it waits");
        let (_, bytes) = first.next().await.unwrap();
        assert_eq!(bytes.len(), WAITING_BYTES_MAX);
        streams.room().await;

        let joined = streams.listen().unwrap();
        for _ in 0..WAITING_BYTES_MAX / CHUNK_BYTES_MAX {
            streams.write(LogStream::Stdout, &chunk);
            first.next().await.unwrap();
        }
        assert_eq!(streams.permit(), 0);
        streams.room().await;
        assert_eq!(streams.permit(), CHUNK_BYTES_MAX, "the one that does not read was cut off");
        drop(joined);
    }

    #[tokio::test]
    async fn who_stops_listening_holds_nobody() {
        let streams = Streams::new(None, Stdio::default());
        let listener = streams.listen().unwrap();
        streams.write(LogStream::Stdout, &[0; WAITING_BYTES_MAX]);
        drop(listener);
        streams.room().await;
        assert_eq!(streams.permit(), CHUNK_BYTES_MAX);
        let all: Vec<Listener> = std::iter::from_fn(|| streams.listen()).collect();
        assert!(all.len() <= LISTENERS_MAX);
    }
}
