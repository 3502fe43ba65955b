//! The streams of a remote command, whichever way the client speaks: what it sends to the program, and the ways back.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::spdy::{Connection, Stream, StreamWriter};
use super::websocket::{self, Channel, Channels};
use crate::cri::error::Error;

/// How long a client may take to open its streams; upstream's bound.
const STREAMS_WAIT: Duration = Duration::from_secs(30);
/// How long a client may take to hear of the end and to hang up: closing earlier makes it wait for streams that it is still opening.
pub(super) const GOODBYE_WAIT: Duration = Duration::from_secs(5);

/// Which streams a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The client sends input.
    pub(crate) stdin: bool,
    /// The client wants output.
    pub(crate) stdout: bool,
    /// The client wants error output; never with a terminal.
    pub(crate) stderr: bool,
    /// The program believes that it has a terminal.
    pub(crate) tty: bool,
}

/// A client that waits for a command.
pub(crate) struct Remote {
    /// What the client sends; `None` if it sends nothing.
    pub(crate) stdin: Option<mpsc::Receiver<Bytes>>,
    /// Where output goes.
    pub(crate) stdout: Option<Output>,
    /// Where error output goes.
    pub(crate) stderr: Option<Output>,
    status: Output,
    form: StatusForm,
    // Moves input until the client is gone; `None` once it is.
    gone: Option<BoxFuture<'static, ()>>,
}

/// The way back of one stream.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// A stream of a SPDY connection.
    Spdy(StreamWriter),
    /// A channel of a WebSocket.
    WebSocket(Channel),
}

/// How a client wants to hear of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusForm {
    /// As a Status, always: v4.channel.k8s.io and later.
    Json,
    /// As text, if it went badly: channel.k8s.io.
    Text,
}

/// The client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// How a command ended, for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It returned a code.
    Code(i32),
    /// It could not run.
    Failed(String),
}

impl Wanted {
    /// What makes sense. Upstream: k8s.io/cri-streaming, `validateExecRequest`.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        if self.tty && self.stderr {
            return Err(Error::Invalid("tty and stderr cannot both be true".to_owned()));
        }
        if !self.stdin && !self.stdout && !self.stderr {
            return Err(Error::Invalid("one of stdin, stdout, or stderr must be set".to_owned()));
        }
        Ok(self)
    }
}

impl Output {
    /// Sends bytes; waits while the client does not read.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Result<(), Gone> {
        match self {
            Self::Spdy(stream) => stream.write(bytes).await.map_err(|_| Gone),
            Self::WebSocket(channel) => channel.write(bytes).await.map_err(|_| Gone),
        }
    }

    async fn finish(&self) {
        if let Self::Spdy(stream) = self {
            // A client that is gone needs no goodbye.
            let _ = stream.finish().await;
        }
    }
}

impl Remote {
    /// Waits for the streams that the client opens over SPDY. `None` if it opens others, or takes too long.
    pub(crate) async fn over_spdy(mut connection: Connection, wanted: Wanted) -> Option<Self> {
        let mut streams = Opened::default();
        let opened = timeout(STREAMS_WAIT, async {
            while !streams.are_all(wanted) {
                streams.add(connection.accept().await?)?;
            }
            Some(())
        });
        opened.await.ok()??;
        let output = |stream: Option<Stream>| stream.map(|it| Output::Spdy(it.output));
        Some(Self {
            stdin: streams.stdin.map(|it| it.input),
            stdout: output(streams.stdout),
            stderr: output(streams.stderr),
            status: Output::Spdy(streams.error?.output),
            form: StatusForm::Json,
            gone: Some(Box::pin(async move { connection.closed().await })),
        })
    }

    /// Takes the channels of a WebSocket, which are all there from the start.
    pub(crate) async fn over_websocket(channels: Channels, wanted: Wanted, form: StatusForm) -> Self {
        let output = |asked: bool, number| asked.then(|| Output::WebSocket(channels.channel(number)));
        let stdout = output(wanted.stdout, websocket::STDOUT);
        let stderr = output(wanted.stderr, websocket::STDERR);
        let status = Output::WebSocket(channels.channel(websocket::STATUS));
        // Tells the client that the command is about to start, as upstream does: an empty message of the lowest channel.
        let first = stdout.as_ref().or(stderr.as_ref()).unwrap_or(&status);
        // A client that is gone is noticed when the command writes.
        let _ = first.write(&[]).await;
        let (stdin, gone) = channels.split();
        Self { stdin: wanted.stdin.then_some(stdin), stdout, stderr, status, form, gone: Some(Box::pin(gone)) }
    }

    /// Waits until the client is gone. Cancellation safe; must be polled for input to arrive over a WebSocket.
    pub(crate) async fn gone(&mut self) {
        if let Some(gone) = &mut self.gone {
            gone.await;
            self.gone = None;
        }
    }

    /// Tells the client how the command ended, and lets it hang up. Whoever takes longer is hung up on.
    pub(crate) async fn end(self, ended: &Ended) {
        if timeout(GOODBYE_WAIT, self.say_goodbye(ended)).await.is_err() {
            tracing::debug!("a client did not hang up after the end of its command");
        }
    }

    async fn say_goodbye(mut self, ended: &Ended) {
        drop(self.stdin.take());
        if let Some(text) = status(ended, self.form) {
            // A client that is gone needs no status.
            let _ = self.status.write(text.as_bytes()).await;
        }
        for output in [&self.stdout, &self.stderr].into_iter().flatten() {
            output.finish().await;
        }
        self.status.finish().await;
        if let Output::WebSocket(channel) = &self.status {
            channel.close().await;
        }
        self.gone().await;
    }
}

/// What a client reads of the end.
fn status(ended: &Ended, form: StatusForm) -> Option<String> {
    let (message, reason) = match ended {
        Ended::Code(0) => {
            return (form == StatusForm::Json).then(|| json!({"metadata": {}, "status": "Success"}).to_string());
        }
        Ended::Code(code) => (
            format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
            json!({
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
            }),
        ),
        Ended::Failed(message) => (
            format!("Internal error occurred: {message}"),
            json!({"reason": "InternalError", "details": {"causes": [{"message": message}]}, "code": 500}),
        ),
    };
    if form == StatusForm::Text {
        return Some(message);
    }
    let mut status = json!({"metadata": {}, "status": "Failure", "message": message});
    if let (Some(status), Value::Object(reason)) = (status.as_object_mut(), reason) {
        status.extend(reason);
    }
    Some(status.to_string())
}

/// The streams that a client has opened so far.
#[derive(Debug, Default)]
struct Opened {
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    error: Option<Stream>,
    // New sizes of the client's window: no guest can ask for them, so nobody reads them.
    resize: Option<Stream>,
}

impl Opened {
    fn are_all(&self, wanted: Wanted) -> bool {
        self.error.is_some()
            && self.stdin.is_some() >= wanted.stdin
            && self.stdout.is_some() >= wanted.stdout
            && self.stderr.is_some() >= wanted.stderr
            && self.resize.is_some() >= wanted.tty
    }

    /// `None` if the stream is of no kind that a remote command has.
    fn add(&mut self, stream: Stream) -> Option<()> {
        let place = match stream.header("streamtype")? {
            "stdin" => &mut self.stdin,
            "stdout" => &mut self.stdout,
            "stderr" => &mut self.stderr,
            "error" => &mut self.error,
            "resize" => &mut self.resize,
            _ => return None,
        };
        *place = Some(stream);
        Some(())
    }
}
