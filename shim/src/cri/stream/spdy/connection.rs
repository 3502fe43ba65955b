//! One SPDY connection: a task reads frames and hands them to streams; whoever writes a stream writes to the connection itself.
//!
//! # Guarantees
//! - What waits for a reader is bounded, by an `Inlet` for each stream; the task stops reading when one is full.
//! - Nothing waits to be written: a write returns when the system has taken it.
//! - A client that is gone is noticed, even while it is not read from: it is pinged every `PING_EVERY`.
//! - Dropping the connection ends the task and closes the socket once no stream is left.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::SpdyError;
use super::frame::{self, Control, HEAD_BYTES, Head};
use super::header::{Deflater, Headers, Inflater};
use crate::cri::stream::inlet::{Inlet, inlet};

/// The most bytes that are handed to a stream at once, and written as one frame.
const CHUNK_BYTES: usize = 32 * 1024;
/// Streams of a connection that are open at once. A forwarded port takes two for each connection to it.
const STREAMS_MAX: usize = 1_024;
/// Streams that wait to be accepted.
const ACCEPT_MAX: usize = 16;
/// How often a client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(5);

/// The server's end of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    accepted: mpsc::Receiver<Stream>,
    task: AbortHandle,
}

/// A stream that the client opened.
#[derive(Debug)]
pub(crate) struct Stream {
    /// What the client says of it, names in lower case.
    pub(crate) headers: Headers,
    /// What the client sends, until it says that this was all.
    pub(crate) input: mpsc::Receiver<Bytes>,
    /// Where answers go.
    pub(crate) output: StreamWriter,
}

/// The way back of a stream. Dropping it without `finish` leaves the stream half open.
#[derive(Clone, Debug)]
pub(crate) struct StreamWriter {
    id: u32,
    writer: Arc<Mutex<Writer>>,
    given_up: Arc<CancellationToken>,
}

struct Writer {
    io: Box<dyn AsyncWrite + Send + Unpin>,
    deflater: Deflater,
    // Whoever wrote last was dropped before the end of its frame: nothing that follows would be understood.
    is_cut_off: bool,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Connection {
    /// Speaks SPDY over `io` from now on.
    pub(crate) fn new(io: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (read, write) = tokio::io::split(io);
        let writer = Writer { io: Box::new(write), deflater: Deflater::default(), is_cut_off: false };
        let writer = Arc::new(Mutex::new(writer));
        let (accept, accepted) = mpsc::channel(ACCEPT_MAX);
        let reader = Reader {
            io: Box::new(read),
            writer: Arc::clone(&writer),
            inflater: Inflater::new(),
            streams: HashMap::new(),
            accept,
        };
        // Owned by the connection: dropping it aborts the task.
        let task = tokio::spawn(async move {
            let ended = tokio::select! {
                ended = reader.run() => ended,
                err = lost(&writer) => Err(err),
            };
            if let Err(err) = ended {
                tracing::debug!(error = &err as &dyn std::error::Error, "a streaming connection ended");
            }
        });
        Self { accepted, task: task.abort_handle() }
    }

    /// The next stream; `None` when the client is gone. Cancellation safe.
    pub(crate) async fn accept(&mut self) -> Option<Stream> {
        self.accepted.recv().await
    }

    /// Waits until the client has closed the connection; streams that it opens meanwhile lead nowhere. Cancellation safe.
    pub(crate) async fn closed(&mut self) {
        while self.accept().await.is_some() {}
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stream {
    /// The value of a header, if the client sent it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl StreamWriter {
    /// Sends bytes; returns when the system has taken them. Not cancellation safe: a frame may be cut off, and the connection is of no use then.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Result<(), SpdyError> {
        for chunk in bytes.chunks(CHUNK_BYTES) {
            self.frame(false, chunk).await?;
        }
        Ok(())
    }

    /// Says that nothing more comes.
    pub(crate) async fn finish(&self) -> Result<(), SpdyError> {
        self.frame(true, &[]).await
    }

    /// Waits until the client has given the stream up: it neither sends nor wants anything more on it. Cancellation safe.
    pub(crate) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    async fn frame(&self, last: bool, bytes: &[u8]) -> Result<(), SpdyError> {
        let mut writer = self.writer.lock().await;
        if self.given_up.is_cancelled() {
            return Err(SpdyError::GivenUp);
        }
        writer.write(&[&frame::data(self.id, last, bytes.len()), bytes]).await
    }
}

impl Writer {
    async fn write(&mut self, parts: &[&[u8]]) -> Result<(), SpdyError> {
        if std::mem::replace(&mut self.is_cut_off, true) {
            return Err(SpdyError::CutOff);
        }
        for part in parts {
            self.io.write_all(part).await.map_err(SpdyError::Io)?;
        }
        self.io.flush().await.map_err(SpdyError::Io)?;
        self.is_cut_off = false;
        Ok(())
    }
}

/// Why the client cannot be written to any more. The pings of a server have even numbers.
async fn lost(writer: &Mutex<Writer>) -> SpdyError {
    let mut id = 0_u32;
    loop {
        tokio::time::sleep(PING_EVERY).await;
        id = id.wrapping_add(2);
        if let Err(err) = writer.lock().await.write(&[&frame::ping(id.to_be_bytes())]).await {
            return err;
        }
    }
}

/// The task's side.
struct Reader {
    io: Box<dyn AsyncRead + Send + Unpin>,
    writer: Arc<Mutex<Writer>>,
    inflater: Inflater,
    streams: HashMap<u32, Place>,
    accept: mpsc::Sender<Stream>,
}

/// What the task has to know of a stream.
struct Place {
    /// Where its bytes go, until the client says that this was all.
    input: Option<Inlet>,
    /// Told when the client gives it up, as long as somebody may write to it.
    given_up: Weak<CancellationToken>,
}

impl Place {
    fn is_in_use(&self) -> bool {
        self.given_up.strong_count() > 0 || self.input.as_ref().is_some_and(|it| !it.is_closed())
    }
}

impl Reader {
    async fn run(mut self) -> Result<(), SpdyError> {
        while let Some(head) = self.head().await? {
            match head {
                Head::Data { stream, last, len } => self.data(stream, last, len).await?,
                Head::Control { kind, flags, len } => {
                    let mut body = vec![0; len];
                    self.io.read_exact(&mut body).await.map_err(SpdyError::Io)?;
                    self.control(frame::control(kind, flags, &body)?).await?;
                }
            }
        }
        Ok(())
    }

    /// `None` at the end of the connection between two frames.
    async fn head(&mut self) -> Result<Option<Head>, SpdyError> {
        let mut head = [0; HEAD_BYTES];
        match self.io.read_exact(&mut head).await {
            Ok(_) => frame::head(head).map(Some),
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(err) => Err(SpdyError::Io(err)),
        }
    }

    async fn data(&mut self, stream: u32, last: bool, mut len: usize) -> Result<(), SpdyError> {
        while len > 0 {
            let most = len.min(CHUNK_BYTES);
            let mut chunk = BytesMut::with_capacity(most);
            let read = self.io.read_buf(&mut (&mut chunk).limit(most)).await.map_err(SpdyError::Io)?;
            if read == 0 {
                return Err(SpdyError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            len -= read;
            if let Some(input) = self.streams.get(&stream).and_then(|it| it.input.as_ref()) {
                input.send(shrunk(chunk)).await;
            }
        }
        if last && let Some(place) = self.streams.get_mut(&stream) {
            place.input = None;
        }
        Ok(())
    }

    async fn control(&mut self, control: Control<'_>) -> Result<(), SpdyError> {
        match control {
            Control::SynStream { stream, last, headers } => {
                let headers = self.inflater.read(headers)?;
                self.open(stream, last, headers).await
            }
            Control::Headers(block) => self.inflater.read(block).map(drop),
            Control::Reset(stream) => {
                if let Some(given_up) = self.streams.remove(&stream).and_then(|it| it.given_up.upgrade()) {
                    given_up.cancel();
                }
                Ok(())
            }
            Control::Ping(id) => self.writer.lock().await.write(&[&frame::ping(id)]).await,
            Control::GoAway | Control::Other => Ok(()),
        }
    }

    async fn open(&mut self, id: u32, last: bool, headers: Headers) -> Result<(), SpdyError> {
        self.streams.retain(|_, place| place.is_in_use());
        if self.streams.len() >= STREAMS_MAX {
            return self.writer.lock().await.write(&[&frame::refuse(id)]).await;
        }
        let (inlet, input) = inlet();
        let given_up = Arc::new(CancellationToken::new());
        let place = Place { input: (!last).then_some(inlet), given_up: Arc::downgrade(&given_up) };
        self.streams.insert(id, place);
        let mut writer = self.writer.lock().await;
        let block = writer.deflater.empty_block();
        writer.write(&[&frame::syn_reply(id, &block)]).await?;
        drop(writer);
        let output = StreamWriter { id, writer: Arc::clone(&self.writer), given_up };
        // Nobody accepting any more means that the connection is about to end.
        let _ = self.accept.send(Stream { headers, input, output }).await;
        Ok(())
    }
}

/// A small piece in an allocation of its own, so that what waits takes as much memory as it has bytes.
fn shrunk(chunk: BytesMut) -> Bytes {
    if chunk.len() <= CHUNK_BYTES / 2 { Bytes::copy_from_slice(&chunk) } else { chunk.freeze() }
}
