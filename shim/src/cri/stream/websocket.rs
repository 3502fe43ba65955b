//! WebSockets as kubectl and crictl use them: channels of a remote command in one connection, or a tunnel for SPDY.

use std::io;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, mpsc};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

/// Channel numbers: the first byte of each message. Upstream: the remote command protocol v5.channel.k8s.io.
pub(super) const STDIN: u8 = 0;
pub(super) const STDOUT: u8 = 1;
pub(super) const STDERR: u8 = 2;
pub(super) const STATUS: u8 = 3;
/// The client sends nothing more on the channel that the second byte names.
const CLOSE: u8 = 255;
/// The longest message that is read; clients send 32 KiB at most.
pub(super) const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Messages that wait for the program to read its standard input.
const MESSAGES_MAX: usize = 2;

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
    stdin_sender: mpsc::Sender<Bytes>,
    socket: Arc<Mutex<SplitSink<WebSocket, Message>>>,
}

impl Channels {
    pub(super) fn new(socket: WebSocket) -> Self {
        let (write, read) = socket.split();
        let (stdin_sender, stdin) = mpsc::channel(MESSAGES_MAX);
        Self { stdin, read, stdin_sender, socket: Arc::new(Mutex::new(write)) }
    }

    /// The way out of a channel.
    pub(super) fn channel(&self, number: u8) -> Channel {
        Channel { number, socket: Arc::clone(&self.socket) }
    }

    /// Takes the parts: standard input, and what moves messages to it until the client is gone.
    pub(super) fn split(self) -> (mpsc::Receiver<Bytes>, impl Future<Output = ()> + Send) {
        (self.stdin, deliver(self.read, self.stdin_sender))
    }
}

impl Channel {
    /// Closes the connection.
    pub(super) async fn close(&self) {
        // The client may be gone already.
        let _ = self.socket.lock().await.send(Message::Close(None)).await;
    }
}

async fn deliver(mut read: SplitStream<WebSocket>, stdin: mpsc::Sender<Bytes>) {
    let mut stdin = Some(stdin);
    while let Some(Ok(message)) = read.next().await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => Bytes::from(text),
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        match (bytes.first(), &stdin) {
            // A program that does not read any more does not want it.
            (Some(&STDIN), Some(input)) if bytes.len() > 1 => drop(input.send(bytes.slice(1..)).await),
            (Some(&CLOSE), Some(_)) if bytes.get(1) == Some(&STDIN) => stdin = None,
            _ => {}
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
