//! SPDY/3.1, the server's side, as kubectl, crictl and kubelets speak it to stream commands and ports.
//!
//! Flow control is TCP's, as in upstream's own implementation: windows are neither kept nor announced. A stream that nobody reads
//! stops its whole connection, and memory stays flat.

mod connection;
mod frame;
mod header;
#[cfg(test)]
mod tests;

pub(crate) use connection::{Connection, Stream, StreamWriter};

/// Why a connection ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpdyError {
    /// The other side broke the protocol.
    #[error("SPDY protocol error: {0}")]
    Protocol(&'static str),
    /// A frame was begun and not ended.
    #[error("SPDY frame was cut off")]
    CutOff,
    /// The client does not want the stream any more.
    #[error("SPDY stream was given up")]
    GivenUp,
    /// The connection broke.
    #[error("SPDY connection")]
    Io(#[source] std::io::Error),
}
