//! wasi:cli streams: output goes to the program's log, with no task and no buffer per stream; input is closed.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::log::{CHUNK_BYTES_MAX, Log};
use crate::spec::LogStream;

/// One of a program's outputs.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    log: Arc<Log>,
    stream: LogStream,
}

impl Output {
    pub(crate) fn new(log: Arc<Log>, stream: LogStream) -> Self {
        Self { log, stream }
    }

    async fn within_rate(&self) {
        loop {
            let wait = self.log.wait_for(Instant::now());
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
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
        self.log.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(self.log.permit())
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        self.within_rate().await;
        Ok(CHUNK_BYTES_MAX)
    }

    // The default waits once more after the write, and gives up if others always print first.
    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.within_rate().await;
        self.write(bytes)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.within_rate().await;
    }
}
