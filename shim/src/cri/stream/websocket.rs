//! WebSockets as kubectl and crictl use them: channels of a remote command in one connection, or a tunnel for SPDY.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, mpsc};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::inlet::{Inlet, inlet};

/// Channel numbers: the first byte of each message. Upstream: the remote command protocol v5.channel.k8s.io.
pub(super) const STDIN: u8 = 0;
pub(super) const STDOUT: u8 = 1;
pub(super) const STDERR: u8 = 2;
pub(super) const STATUS: u8 = 3;
/// The client sends nothing more on the channel that the second byte names.
const CLOSE: u8 = 255;
/// The longest message that is read; clients send 32 KiB at most.
pub(super) const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// What is read at once; each connection has a buffer of it.
pub(super) const READ_BYTES: usize = 16 * 1024;
/// How often a client is asked whether it is there: one that is gone is noticed even while it is not read from.
const PING_EVERY: Duration = Duration::from_secs(5);

/// The way out of one channel.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    number: u8,
    socket: Arc<Mutex<SplitSink<WebSocket, Message>>>,
}

impl Channel {
    pub(super) async fn write(&self, bytes: &[u8]) -> Result<(), axum::Error> {
        let message = [&[self.number], bytes].concat();
        self.socket.lock().await.send(Message::Binary(message.into())).await
    }
}

/// A remote command's channels over one WebSocket.
pub(super) struct Channels {
    /// What the client sends to the program.
    pub(super) stdin: mpsc::Receiver<Bytes>,
    read: SplitStream<WebSocket>,
    inlet: Inlet,
    socket: Arc<Mutex<SplitSink<WebSocket, Message>>>,
}

impl Channels {
    pub(super) fn new(socket: WebSocket) -> Self {
        let (write, read) = socket.split();
        let (inlet, stdin) = inlet();
        Self { stdin, read, inlet, socket: Arc::new(Mutex::new(write)) }
    }

    /// The way out of a channel.
    pub(super) fn channel(&self, number: u8) -> Channel {
        Channel { number, socket: Arc::clone(&self.socket) }
    }

    /// Takes the parts: standard input, and what moves messages to it until the client is gone.
    pub(super) fn split(self) -> (mpsc::Receiver<Bytes>, impl Future<Output = ()> + Send) {
        let gone = async move {
            tokio::select! {
                () = deliver(self.read, self.inlet) => {}
                () = lost(&self.socket) => {}
            }
        };
        (self.stdin, gone)
    }
}

impl Channel {
    /// Closes the connection, as after a good conversation: clients take a close without a code for a failure.
    pub(super) async fn close(&self) {
        let frame = CloseFrame { code: close_code::NORMAL, reason: "".into() };
        // The client may be gone already.
        let _ = self.socket.lock().await.send(Message::Close(Some(frame))).await;
    }
}

/// Moves what the client sends until it is gone.
async fn deliver(mut read: SplitStream<WebSocket>, stdin: Inlet) {
    let mut stdin = Some(stdin);
    while let Some(Ok(message)) = read.next().await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => Bytes::from(text),
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        match (bytes.first(), &stdin) {
            (Some(&STDIN), Some(input)) if bytes.len() > 1 => input.send(bytes.slice(1..)).await,
            (Some(&CLOSE), Some(_)) if bytes.get(1) == Some(&STDIN) => stdin = None,
            _ => {}
        }
    }
}

/// Waits until the client cannot be written to any more.
async fn lost(socket: &Mutex<SplitSink<WebSocket, Message>>) {
    loop {
        tokio::time::sleep(PING_EVERY).await;
        if socket.lock().await.send(Message::Ping(Bytes::new())).await.is_err() {
            return;
        }
    }
}

/// The bytes inside a WebSocket's binary messages: SPDY runs in it as it runs in TCP.
pub(super) fn tunnel(socket: WebSocket) -> impl AsyncRead + AsyncWrite + Send {
    let (write, read) = socket.split();
    tokio::io::join(StreamReader::new(incoming(read)), SinkWriter::new(CopyToBytes::new(outgoing(write))))
}

fn incoming(read: SplitStream<WebSocket>) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin {
    Box::pin(read.filter_map(async |message| match message {
        Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
        Ok(_) => None,
        Err(err) => Some(Err(io::Error::other(err))),
    }))
}

fn outgoing(write: SplitSink<WebSocket, Message>) -> impl Sink<Bytes, Error = io::Error> + Send + Unpin {
    let message = async |bytes: Bytes| Ok::<_, axum::Error>(Message::Binary(bytes));
    Box::pin(write.with(message).sink_map_err(io::Error::other))
}
