//! Streams over files. The host's page cache answers; a call is bounded by what one read or write may carry.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::handle::{Handle, READ_BYTES_MAX};

/// Reads a file from an offset on.
pub(super) struct Reader {
    pub(super) handle: Handle,
    pub(super) offset: u64,
}

impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let (bytes, _) = self.handle.read(size as u64, self.offset).map_err(failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(bytes)
    }
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

/// Writes a file from an offset on, or at its end.
pub(super) struct Writer {
    pub(super) file: Arc<File>,
    pub(super) position: Position,
}

/// Where a stream writes.
pub(super) enum Position {
    At(u64),
    End,
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let written = match &mut self.position {
            Position::At(offset) => self.file.write_all_at(&bytes, *offset).map(|()| *offset += bytes.len() as u64),
            // It was opened for appending.
            Position::End => (&*self.file).write_all(&bytes),
        };
        written.map_err(|err| StreamError::LastOperationFailed(err.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(READ_BYTES_MAX)
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

fn failed(code: crate::host::bindings::wasi::filesystem::types::ErrorCode) -> StreamError {
    StreamError::LastOperationFailed(code.into())
}
