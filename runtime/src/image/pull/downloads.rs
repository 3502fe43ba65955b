//! Guards what is half fetched: files that the next try goes on with, one writer for each, not too many of them.
//!
//! # Guarantees
//! - A file here is nobody's image. It is named by the digest that it should have, and moves on only when it has it.
//! - What is kept of broken downloads is bounded in number, bytes and age.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::image::blob::hex;
use crate::image::error::{ImageError, io_error};

/// Broken downloads that are kept.
const KEPT_MAX: usize = 16;
const KEPT_BYTES_MAX: u64 = 512 << 20;
/// After a week nobody comes back for it.
const KEPT_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The directory of downloads.
#[derive(Debug)]
pub(crate) struct Downloads {
    dir: PathBuf,
    /// Who fetches what now, by digest.
    busy: Mutex<HashMap<String, Weak<AsyncMutex<()>>>>,
}

/// The right to write, or to take away, the file of one digest.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    _guard: OwnedMutexGuard<()>,
}

// === impl Downloads ===

impl Downloads {
    pub(crate) fn open(dir: &Path) -> Result<Self, ImageError> {
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let downloads = Self { dir: dir.to_owned(), busy: Mutex::default() };
        downloads.tidy();
        Ok(downloads)
    }

    /// Waits until nobody else fetches any of `digests`. In one order, so that two who want the same do not wait for
    /// each other.
    pub(crate) async fn claim(&self, digests: impl Iterator<Item = &str>) -> BTreeMap<String, Claim> {
        let mut claims = BTreeMap::new();
        let mut sorted: Vec<&str> = digests.collect();
        sorted.sort_unstable();
        sorted.dedup();
        for digest in sorted {
            let lock = self.lock(digest);
            let claim = Claim { path: self.dir.join(hex(digest)), _guard: lock.lock_owned().await };
            claims.insert(digest.to_owned(), claim);
        }
        claims
    }

    fn lock(&self, digest: &str) -> Arc<AsyncMutex<()>> {
        let mut busy = self.busy.lock();
        busy.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = busy.get(digest).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        busy.insert(digest.to_owned(), Arc::downgrade(&lock));
        lock
    }

    /// Removes the oldest of what broken downloads left, if it is too much. What fails to go now goes later.
    pub(crate) fn tidy(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let now = SystemTime::now();
        let mut files: Vec<(Duration, u64, PathBuf)> = Vec::new();
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let changed = metadata.modified().unwrap_or(now);
            files.push((now.duration_since(changed).unwrap_or_default(), metadata.len(), entry.path()));
        }
        files.sort_unstable();
        let mut bytes = 0_u64;
        for (at, (age, size_bytes, path)) in files.into_iter().enumerate() {
            bytes = bytes.saturating_add(size_bytes);
            let kept = at < KEPT_MAX && bytes <= KEPT_BYTES_MAX && age <= KEPT_AGE_MAX;
            if kept || self.is_busy(&path) {
                continue;
            }
            if let Err(err) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %err, "could not remove an old download");
            }
        }
    }

    fn is_busy(&self, path: &Path) -> bool {
        let busy = self.busy.lock();
        busy.iter().any(|(digest, lock)| lock.strong_count() > 0 && path.ends_with(hex(digest)))
    }
}

// === impl Claim ===

impl Claim {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn old_and_superfluous_files_go_and_busy_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..KEPT_MAX + 4 {
            let path = dir.path().join(format!("{n:02}"));
            fs::write(&path, b"half").unwrap();
            let changed = SystemTime::now() - Duration::from_secs(60 * n as u64);
            fs::File::options().append(true).open(&path).unwrap().set_modified(changed).unwrap();
        }
        let downloads = Downloads { dir: dir.path().to_owned(), busy: Mutex::default() };
        let claims = downloads.claim(["sha256:19"].into_iter()).await;
        downloads.tidy();
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        left.sort_unstable();
        assert_eq!(left.len(), KEPT_MAX + 1);
        assert_eq!((left[0].to_str(), left[KEPT_MAX].to_str()), (Some("00"), Some("19")));
        drop(claims);
        downloads.tidy();
        assert!(!dir.path().join("19").exists());
    }
}
