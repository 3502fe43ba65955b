//! Unpacks the layers of an image into one view of its files, as the last layer leaves it.
//!
//! # Guarantees
//! - A path of a layer is a key of a map and never a path of this machine: what it says cannot lead out of the image.
//! - Files, bytes, headers and the depth of links are bounded, also where a few packed bytes say a lot.

mod gzip;
mod overlay;
mod tar;
#[cfg(test)]
pub(crate) mod tests;
mod zstd;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::image::blob::{Blobs, encode_hex};
use crate::image::error::{ImageError, io_error};
use crate::image::manifest::Entry;
use gzip::Gzip;
pub(crate) use overlay::Overlay;
use overlay::Upper;
use tar::{Archive, Kind};
use zstd::Zstd;

/// All files of an image together.
pub(crate) const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// Members of one layer, directories and links too.
const MEMBERS_MAX: usize = 100_000;
const READ_BUFFER_BYTES: usize = 64 << 10;
pub(crate) const WASM_MAGIC: &[u8] = b"\0asm";
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// What a layer's file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Wasm,
    Gzip,
    Zstd,
    /// Nothing known, so maybe a plain archive.
    Plain,
}

/// What the file at `path` is.
pub(crate) fn packing(path: &Path) -> Result<Packing, ImageError> {
    let mut magic = Vec::new();
    let file = File::open(path).map_err(io_error("open", path))?;
    file.take(4).read_to_end(&mut magic).map_err(io_error("read", path))?;
    Ok(match &magic[..] {
        bytes if bytes == WASM_MAGIC => Packing::Wasm,
        bytes if bytes == ZSTD_MAGIC => Packing::Zstd,
        bytes if bytes.starts_with(GZIP_MAGIC) => Packing::Gzip,
        // Frames to skip come first in what `zstd:chunked` and seekable writers make.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Packing::Zstd,
        _ => Packing::Plain,
    })
}

/// Puts the layer at `path` on top of `overlay` and its files into `blobs`; the digest of the archive in it.
///
/// What it holds is taken from `budget_bytes`, of which an image has `UNPACKED_BYTES_MAX`.
/// `go_on` is asked before each member, so that work that nobody waits for ends.
pub(crate) fn unpack(
    path: &Path,
    packing: Packing,
    blobs: &Blobs,
    overlay: &mut Overlay,
    budget_bytes: &mut u64,
    go_on: &dyn Fn() -> bool,
) -> Result<String, ImageError> {
    let file = BufReader::with_capacity(READ_BUFFER_BYTES, File::open(path).map_err(io_error("open", path))?);
    let unpacked: Box<dyn Read> = match packing {
        Packing::Gzip => Box::new(Gzip::new(file)),
        Packing::Zstd => Box::new(Zstd::new(file)),
        Packing::Plain | Packing::Wasm => Box::new(file),
    };
    let mut hashed = Hashed { from: unpacked, hash: Sha256::new(), left_bytes: *budget_bytes };
    let buffered = BufReader::with_capacity(READ_BUFFER_BYTES, &mut hashed);
    let mut archive = Archive::new(buffered);
    let upper = read_members(&mut archive, blobs, overlay, go_on)?;
    archive.drain().map_err(|source| unreadable(&source))?;
    drop(archive);
    overlay.put(upper)?;
    *budget_bytes = hashed.left_bytes;
    Ok(format!("sha256:{}", encode_hex(&hashed.hash.finalize())))
}

fn read_members(
    archive: &mut Archive<impl Read>,
    blobs: &Blobs,
    overlay: &Overlay,
    go_on: &dyn Fn() -> bool,
) -> Result<Upper, ImageError> {
    let mut upper = Upper::default();
    for _ in 0..MEMBERS_MAX {
        if !go_on() {
            return Err(ImageError::NotAnImage("nobody waits for it any more".to_owned()));
        }
        let Some(member) = archive.next().map_err(|source| unreadable(&source))? else { return Ok(upper) };
        match member.kind {
            Kind::File if upper.whiteout(&member.path)? => {}
            Kind::File => {
                let entry = read_file(archive, blobs, &member.path)?;
                upper.file(&member.path, entry)?;
            }
            Kind::Directory => upper.directory(&member.path)?,
            Kind::HardLink(target) => upper.hard_link(&member.path, &target, overlay)?,
            Kind::SymbolicLink(target) => upper.symbolic_link(&member.path, target)?,
            Kind::Other(_) => {
                return Err(ImageError::NotAnImage(format!("`{}` is a device, a pipe or the like", member.path)));
            }
        }
    }
    Err(ImageError::NotAnImage(format!("a layer has more than {MEMBERS_MAX} members")))
}

fn read_file(archive: &mut Archive<impl Read>, blobs: &Blobs, path: &str) -> Result<Entry, ImageError> {
    let written = blobs.write_unsynced(path, archive.contents(), crate::image::import::FILE_BYTES_MAX)?;
    let wasm = written.magic.starts_with(WASM_MAGIC);
    Ok(Entry { digest: written.digest, size_bytes: written.size_bytes, wasm })
}

fn unreadable(err: &io::Error) -> ImageError {
    ImageError::NotAnImage(format!("a layer cannot be unpacked: {err}"))
}

/// Hashes what passes, and ends when it is too much.
struct Hashed<R> {
    from: R,
    hash: Sha256,
    left_bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.left_bytes = self.left_bytes.checked_sub(count as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("more than {UNPACKED_BYTES_MAX} bytes"))
        })?;
        Ok(count)
    }
}
