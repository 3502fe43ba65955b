//! Files that are written whole or not at all, and blobs named by their sha256.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::image::error::{ImageError, io_error};

const COPY_BUFFER_BYTES: usize = 64 << 10;

/// What temporary files are called, so that the next start finds them.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// A directory of blobs.
#[derive(Debug)]
pub(crate) struct Blobs {
    dir: PathBuf,
}

/// A blob that was written.
pub(crate) struct Written {
    pub(crate) digest: String,
    pub(crate) size_bytes: u64,
    /// Its first bytes, which tell what it is.
    pub(crate) magic: Vec<u8>,
}

impl Blobs {
    pub(crate) fn open(dir: &Path) -> Result<Self, ImageError> {
        let dir = dir.join("sha256");
        fs::create_dir_all(&dir).map_err(io_error("create", &dir))?;
        Ok(Self { dir })
    }

    pub(crate) fn path(&self, digest: &str) -> PathBuf {
        self.dir.join(hex(digest))
    }

    /// Copies `from` into the store, hashing on the way.
    pub(crate) fn write(&self, name: &str, from: impl Read, bytes_max: u64) -> Result<Written, ImageError> {
        let (file, temporary, written) = self.copy(name, from, bytes_max)?;
        seal(&file, &temporary, &self.path(&written.digest))?;
        Ok(written)
    }

    /// As `write`, but on disk only after `sync`: for many files of which nobody knows before.
    pub(crate) fn write_unsynced(&self, name: &str, from: impl Read, bytes_max: u64) -> Result<Written, ImageError> {
        let (file, temporary, written) = self.copy(name, from, bytes_max)?;
        let path = self.path(&written.digest);
        // One that is on disk already must not be replaced by one that is not.
        if path.exists() {
            fs::remove_file(&temporary).map_err(io_error("remove", &temporary))?;
            return Ok(written);
        }
        file.set_permissions(Permissions::from_mode(0o444)).map_err(io_error("chmod", &temporary))?;
        fs::rename(&temporary, &path).map_err(io_error("rename", &temporary))?;
        Ok(written)
    }

    /// Takes a file whose digest is known and that is on the same file system.
    pub(crate) fn adopt(&self, from: &Path, digest: &str) -> Result<(), ImageError> {
        let file = File::open(from).map_err(io_error("open", from))?;
        seal(&file, from, &self.path(digest))
    }

    /// Everything written so far is on disk when this returns.
    pub(crate) fn sync(&self) -> Result<(), ImageError> {
        let dir = File::open(&self.dir).map_err(io_error("open", &self.dir))?;
        rustix::fs::syncfs(&dir).map_err(|err| io_error("sync", &self.dir)(err.into()))
    }

    fn copy(&self, name: &str, from: impl Read, bytes_max: u64) -> Result<(File, PathBuf, Written), ImageError> {
        let temporary = self.dir.join(format!("incoming{TEMPORARY_SUFFIX}"));
        let mut file = File::create(&temporary).map_err(io_error("create", &temporary))?;
        let mut from = from.take(bytes_max + 1);
        let (mut hash, mut magic, mut size_bytes) = (Sha256::new(), Vec::new(), 0);
        let mut buffer = vec![0; COPY_BUFFER_BYTES];
        loop {
            let count = from.read(&mut buffer).map_err(io_error("read", Path::new(name)))?;
            if count == 0 {
                break;
            }
            let bytes = &buffer[..count];
            magic.extend(bytes.iter().take(8 - magic.len().min(8)));
            hash.update(bytes);
            size_bytes += count as u64;
            file.write_all(bytes).map_err(io_error("write", &temporary))?;
        }
        if size_bytes > bytes_max {
            return Err(ImageError::TooBig { name: name.to_owned(), bytes_max });
        }
        let digest = format!("sha256:{}", encode_hex(&hash.finalize()));
        Ok((file, temporary, Written { digest, size_bytes, magic }))
    }

    pub(crate) fn retain(&self, digests: &BTreeSet<String>) -> Result<(), ImageError> {
        let kept: BTreeSet<PathBuf> = digests.iter().map(|digest| self.path(digest)).collect();
        remove_all_but(&self.dir, |path| kept.contains(path))
    }
}

/// Replaces `path` so that a crash leaves the old contents or the new.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY_SUFFIX);
    let temporary = PathBuf::from(temporary);
    let mut file = File::create(&temporary).map_err(io_error("create", &temporary))?;
    file.write_all(bytes).map_err(io_error("write", &temporary))?;
    seal(&file, &temporary, path)
}

/// Removes the files of `dir` that `keep` does not know. What is already gone is fine.
pub(crate) fn remove_all_but(dir: &Path, keep: impl Fn(&Path) -> bool) -> Result<(), ImageError> {
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let path = entry.map_err(io_error("list", dir))?.path();
        if keep(&path) {
            continue;
        }
        match fs::remove_file(&path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &path)(err)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// `sha256:` and the digest of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", encode_hex(&Sha256::digest(bytes)))
}

/// A digest without its algorithm: what files are named.
pub(crate) fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// Lower-case hexadecimal digits.
pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

/// Read-only, on disk, under its name, and the name on disk: in this order.
pub(crate) fn seal(file: &File, temporary: &Path, path: &Path) -> Result<(), ImageError> {
    file.set_permissions(Permissions::from_mode(0o444)).map_err(io_error("chmod", temporary))?;
    file.sync_all().map_err(io_error("sync", temporary))?;
    fs::rename(temporary, path).map_err(io_error("rename", temporary))?;
    let dir = path.parent().expect("every path of the store is below its directory");
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error("sync", dir))
}
