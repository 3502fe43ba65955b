//! wasi:cli streams: output goes to the program's log, with no task and no buffer per stream; input is closed.
//!
//! # Guarantees
//! A guest writes no more than it was permitted, so that the log's bounds are bounds.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::log::{CHUNK_BYTES_MAX, Log};
use crate::spec::LogStream;

/// One of a program's outputs.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    log: Arc<Log>,
    stream: LogStream,
    permitted_bytes: usize,
}

impl Output {
    pub(crate) fn new(log: Arc<Log>, stream: LogStream) -> Self {
        Self { log, stream, permitted_bytes: 0 }
    }

    async fn permitted(&mut self) -> usize {
        self.log.room().await;
        self.permitted_bytes = CHUNK_BYTES_MAX;
        self.permitted_bytes
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
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
        self.log.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.permitted_bytes = self.log.permit();
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
