//! wasi:cli streams over a program's own (`crate::stdio`), with no task and no buffer per stream.
//!
//! # Guarantees
//! A guest writes no more than it was permitted, so that the bounds of its log and of its listeners are bounds.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::log::CHUNK_BYTES_MAX;
use crate::spec::LogStream;
use crate::stdio::{Read, Streams};

/// One of a program's outputs.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    streams: Arc<Streams>,
    stream: LogStream,
    permitted_bytes: usize,
}

impl Output {
    pub(crate) fn new(streams: Arc<Streams>, stream: LogStream) -> Self {
        Self { streams, stream, permitted_bytes: 0 }
    }

    async fn permitted(&mut self) -> usize {
        self.streams.room().await;
        self.permitted_bytes = CHUNK_BYTES_MAX;
        self.permitted_bytes
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        self.streams.terminal()
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only preview 1 and 3 hosts ask for this one, and neither is linked.
        Box::new(tokio::io::sink())
    }
}

#[async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let left = self.permitted_bytes.checked_sub(bytes.len());
        self.permitted_bytes = left.ok_or_else(|| StreamError::trap("wrote more than `check-write` permitted"))?;
        self.streams.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.permitted_bytes = self.streams.permit();
        Ok(self.permitted_bytes)
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        Ok(self.permitted().await)
    }

    // The default waits once more after the write, and gives up if others always print first.
    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.permitted().await;
        self.write(bytes)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.permitted().await;
    }
}

/// A program's input.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    streams: Arc<Streams>,
}

impl Input {
    pub(crate) fn new(streams: Arc<Streams>) -> Self {
        Self { streams }
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        self.streams.terminal() && self.streams.input().is_some()
    }
}

impl StdinStream for Input {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        // Only preview 1 and 3 hosts ask for this one, and neither is linked.
        Box::new(tokio::io::empty())
    }
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.streams.input().map(|it| it.read(size)) {
            Some(Read::Bytes(bytes)) => Ok(bytes),
            Some(Read::Over) | None => Err(StreamError::Closed),
        }
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        if let Some(input) = self.streams.input() {
            input.ready().await;
        }
    }
}
