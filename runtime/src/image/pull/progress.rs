//! How far a pull is, for who wants to show it.

use std::fmt;
use std::sync::Arc;

use super::oci::Descriptor;

/// Where one blob of an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobProgress {
    /// The blob's digest.
    pub digest: String,
    /// Bytes that are here.
    pub bytes: u64,
    /// Bytes that it has.
    pub bytes_total: u64,
}

/// Is told of progress, often: it must not wait.
#[derive(Clone, Default)]
pub struct Report(Option<Arc<dyn Fn(BlobProgress) + Send + Sync>>);

pub(crate) struct Progress<'a> {
    pub(crate) blob: &'a Descriptor,
    pub(crate) bytes: u64,
}

// === impl Report ===

impl Report {
    /// Tells `listener`.
    pub fn to(listener: impl Fn(BlobProgress) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    pub(crate) fn tell(&self, progress: Progress<'_>) {
        let Some(listener) = &self.0 else { return };
        let Progress { blob, bytes } = progress;
        listener(BlobProgress { digest: blob.digest.clone(), bytes, bytes_total: blob.size });
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Report(listener)" } else { "Report(nobody)" })
    }
}
