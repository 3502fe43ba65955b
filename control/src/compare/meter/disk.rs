//! Adds up what a folder takes of its disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The unit of `st_blocks`.
const BLOCK_BYTES: u64 = 512;

/// The kibibytes of all that is under `folder` on its own disk: what is mounted there belongs to another.
///
/// # Errors
/// The folder cannot be read; what vanishes meanwhile is not counted.
pub(crate) fn kibibytes_of(folder: &Path) -> io::Result<u64> {
    let device = fs::symlink_metadata(folder)?.dev();
    Ok(blocks(folder, device) * BLOCK_BYTES / 1024)
}

fn blocks(path: &Path, device: u64) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if metadata.dev() != device {
        return 0;
    }
    let below = match fs::read_dir(path) {
        Ok(entries) if metadata.is_dir() => entries.flatten().map(|entry| blocks(&entry.path(), device)).sum(),
        _ => 0,
    };
    metadata.blocks() + below
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_lies_deep_counts() {
        let folder = tempfile::tempdir().unwrap();
        let before = kibibytes_of(folder.path()).unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/file"), vec![7; 100 << 10]).unwrap();
        assert!(kibibytes_of(folder.path()).unwrap() >= before + 100);
        assert!(kibibytes_of(&folder.path().join("absent")).is_err());
    }
}
