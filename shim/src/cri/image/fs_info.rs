//! ImageFsInfo: how much disk images and what was compiled from them take.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use crate::cri::error::Error;
use crate::cri::message::{FilesystemIdentifier, FilesystemUsage, ImageFsInfoResponse, UInt64Value};
use crate::cri::service::{Service, now};

/// What `st_blocks` counts in.
const BLOCK_BYTES: u64 = 512;
/// Folders in folders that are looked into; the stores have fewer.
const DEPTH_MAX: u32 = 8;

/// What images take. Containers write nothing of their own: their part is the same file system, and empty.
pub(in crate::cri) async fn fs_info(service: &Service) -> Result<ImageFsInfoResponse, Error> {
    let runtime = Arc::clone(&service.runtime);
    let measured = tokio::task::spawn_blocking(move || {
        let mut total = Usage::default();
        for dir in [runtime.images().dir(), runtime.artifacts_dir()] {
            total.add(dir, DEPTH_MAX);
        }
        total
    });
    let used = measured.await.expect("looking at files does not panic");
    let mountpoint = service.runtime.images().dir().display().to_string();
    let usage = |used: Usage| FilesystemUsage {
        timestamp: now(),
        fs_id: Some(FilesystemIdentifier { mountpoint: mountpoint.clone() }),
        used_bytes: Some(UInt64Value { value: used.bytes }),
        inodes_used: Some(UInt64Value { value: used.inodes }),
    };
    Ok(ImageFsInfoResponse {
        image_filesystems: vec![usage(used)],
        container_filesystems: vec![usage(Usage::default())],
    })
}

#[derive(Clone, Copy, Default)]
struct Usage {
    bytes: u64,
    inodes: u64,
}

// === impl Usage ===

impl Usage {
    /// Adds a folder and what is in it. What goes away meanwhile takes nothing.
    fn add(&mut self, dir: &Path, depth: u32) {
        let Ok(entries) = fs::read_dir(dir) else { return };
        self.inodes += 1;
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() && depth > 0 => self.add(&entry.path(), depth - 1),
                Ok(found) => {
                    self.bytes += found.blocks() * BLOCK_BYTES;
                    self.inodes += 1;
                }
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn all_files_below_count() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("blobs")).unwrap();
        fs::write(dir.path().join("blobs/one"), vec![7; 100_000]).unwrap();
        fs::write(dir.path().join("two"), vec![7; 100_000]).unwrap();
        let mut usage = Usage::default();
        usage.add(dir.path(), DEPTH_MAX);
        assert_eq!(usage.inodes, 4);
        assert!(usage.bytes >= 200_000, "{}", usage.bytes);
    }
}
