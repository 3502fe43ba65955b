//! Fetches one blob into a file: from where the last try stopped, checked on the way, with little memory.
//!
//! # Guarantees
//! - Success means that the file has the digest. A file that has another one is removed.
//! - Whatever happens to the connection, to us or to the machine, the next call goes on with what is on disk.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_RANGE;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::error::PullError;
use super::oci::Descriptor;
use super::progress::{Progress, Report};
use super::session::{STALL_TIMEOUT, Session, TRIES_MAX, from_byte};
use crate::image::blob::encode_hex;
use crate::image::error::io_error;

/// Connections that break although each brings something on: a bound for one who sends byte by byte.
const BREAKS_MAX: u32 = 100;
const WAIT_AFTER_BREAK: Duration = Duration::from_millis(500);
const READ_BUFFER_BYTES: usize = 64 << 10;

/// How an answer's body ended.
enum End {
    Whole,
    /// The connection broke, or the registry stopped.
    Broken(String),
}

/// Makes the file at `path` have the contents that `blob` names. Cancellation safe: what came stays.
pub(crate) async fn download(
    session: &Session<'_>,
    blob: &Descriptor,
    path: &Path,
    report: &Report,
) -> Result<(), PullError> {
    let mut file = Partial::open(path).await?;
    let mut idle_tries = 0;
    for _ in 0..BREAKS_MAX {
        if file.size_bytes > blob.size {
            file.restart().await?;
        }
        let before = file.size_bytes;
        let end = if before == blob.size { End::Whole } else { more(session, blob, &mut file, report).await? };
        match end {
            End::Whole if file.digest() == blob.digest => {
                report.tell(Progress { blob, bytes: blob.size });
                return file.close().await;
            }
            End::Whole => {
                let resumed = before > 0;
                file.remove().await?;
                // What an earlier try left may have been the damaged part.
                if !resumed {
                    return Err(PullError::Digest { registry: session.host(), digest: blob.digest.clone() });
                }
                file = Partial::open(path).await?;
            }
            End::Broken(reason) => {
                idle_tries = if file.size_bytes > before { 0 } else { idle_tries + 1 };
                if idle_tries >= TRIES_MAX {
                    return Err(PullError::Unavailable { registry: session.host(), reason });
                }
                tracing::debug!(digest = %blob.digest, at = file.size_bytes, %reason, "going on with a download");
                tokio::time::sleep(WAIT_AFTER_BREAK).await;
            }
        }
    }
    Err(PullError::Unavailable { registry: session.host(), reason: "the connection breaks again and again".to_owned() })
}

/// One request, and what of its body comes.
async fn more(
    session: &Session<'_>,
    blob: &Descriptor,
    file: &mut Partial<'_>,
    report: &Report,
) -> Result<End, PullError> {
    let part = format!("blobs/{}", blob.digest);
    let answer = match session.get(Method::GET, &part, from_byte(file.size_bytes)).await {
        Ok(answer) => answer,
        // It knows no ranges, or not this one: from the start then.
        Err(PullError::Answer { .. }) if file.size_bytes > 0 => {
            file.restart().await?;
            session.get(Method::GET, &part, from_byte(0)).await?
        }
        Err(err) => return Err(err),
    };
    if !goes_on_at(&answer, file.size_bytes) {
        file.restart().await?;
    }
    let mut body = answer.into_body();
    loop {
        let frame = match tokio::time::timeout(STALL_TIMEOUT, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(err))) => return Ok(End::Broken(err.to_string())),
            Ok(None) if file.size_bytes < blob.size => return Ok(End::Broken("it sends less than it has".to_owned())),
            Ok(None) => return Ok(End::Whole),
            Err(_) => return Ok(End::Broken("it stopped in a blob".to_owned())),
        };
        let Ok(bytes) = frame.into_data() else { continue };
        if file.size_bytes + bytes.len() as u64 > blob.size {
            file.remove().await?;
            return Err(PullError::Digest { registry: session.host(), digest: blob.digest.clone() });
        }
        file.append(bytes).await?;
        report.tell(Progress { blob, bytes: file.size_bytes });
    }
}

/// Whether the answer is the rest of the blob from `start` on, or else all of it.
fn goes_on_at(answer: &Response<Incoming>, start: u64) -> bool {
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        return start == 0;
    }
    let range = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
    first == Some(start)
}

/// A file that grows, with the digest of what it has.
struct Partial<'a> {
    path: &'a Path,
    file: File,
    size_bytes: u64,
    hash: Sha256,
}

// === impl Partial ===

impl<'a> Partial<'a> {
    async fn open(path: &'a Path) -> Result<Self, PullError> {
        let owned = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || open_and_hash(&owned)).await;
        let (file, hash, size_bytes) =
            opened.expect("reading a file does not panic").map_err(io_error("open", path))?;
        Ok(Self { path, file: File::from_std(file), size_bytes, hash })
    }

    async fn append(&mut self, bytes: Bytes) -> Result<(), PullError> {
        self.hash.update(&bytes);
        self.size_bytes += bytes.len() as u64;
        Ok(self.file.write_all(&bytes).await.map_err(io_error("write", self.path))?)
    }

    async fn restart(&mut self) -> Result<(), PullError> {
        self.file.flush().await.map_err(io_error("write", self.path))?;
        self.file.set_len(0).await.map_err(io_error("empty", self.path))?;
        (self.size_bytes, self.hash) = (0, Sha256::new());
        Ok(())
    }

    fn digest(&self) -> String {
        format!("sha256:{}", encode_hex(&self.hash.clone().finalize()))
    }

    async fn close(mut self) -> Result<(), PullError> {
        Ok(self.file.flush().await.map_err(io_error("write", self.path))?)
    }

    async fn remove(&mut self) -> Result<(), PullError> {
        Ok(tokio::fs::remove_file(self.path).await.map_err(io_error("remove", self.path))?)
    }
}

/// What is there is read once more: its digest is not written down, and it may be damaged.
fn open_and_hash(path: &Path) -> io::Result<(fs::File, Sha256, u64)> {
    let mut file = fs::File::options().create(true).read(true).append(true).open(path)?;
    let (mut hash, mut size_bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((file, hash, size_bytes));
        }
        hash.update(&buffer[..count]);
        size_bytes += count as u64;
    }
}
