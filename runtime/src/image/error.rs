//! Why the image store did not do what it was asked.

use std::io;
use std::path::{Path, PathBuf};

use super::reference::ReferenceError;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Another process has the store open.
    #[error("the image store is in use by another process: `{0}`")]
    Locked(PathBuf),
    /// The store was written by a newer version.
    #[error("the image store has format {found}, this program knows {known}")]
    Newer {
        /// What is on disk.
        found: u32,
        /// The newest this program reads.
        known: u32,
    },
    /// The reference means nothing.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// What was to be imported is not an image.
    #[error("not an image: {0}")]
    NotAnImage(String),
    /// A file is bigger than the store takes.
    #[error("`{name}` has more than {bytes_max} bytes")]
    TooBig {
        /// The file.
        name: String,
        /// The bound.
        bytes_max: u64,
    },
    /// A disk failed.
    #[error("{operation} `{path}`")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file of the store is not what the store wrote.
    #[error("`{path}` is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Makes an `ImageError::Io` of what the system said.
pub(crate) fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    let path = path.to_owned();
    move |source| ImageError::Io { operation, path, source }
}
