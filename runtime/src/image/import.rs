//! Turns what a person has on disk into the blobs and the manifest of an image.
//!
//! A file that is WebAssembly is an image of one module. A directory is an image of its files; `image.json` at its top
//! says entrypoint, cmd and env, and is not part of the image.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::image::blob::Blobs;
use crate::image::error::{ImageError, io_error};
use crate::image::manifest::{Entry, Manifest};
use crate::image::reference::Reference;

/// No file of an image is bigger.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;
/// No image has more files: its manifest is read whole.
pub(crate) const FILES_MAX: usize = 10_000;
/// Directories below one another, so that a loop of mounts ends.
const DEPTH_MAX: usize = 32;
/// Links that lead to one another, as in Linux.
const LINKS_MAX: usize = 40;
const CONFIG_BYTES_MAX: u64 = 64 << 10;
const CONFIG: &str = "image.json";
const WASM_MAGIC: &[u8] = b"\0asm";

/// What `image.json` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    env: BTreeMap<String, String>,
}

/// Copies `source` into `blobs` and says what it is made of.
pub(crate) fn read(blobs: &Blobs, reference: &Reference, source: &Path) -> Result<Manifest, ImageError> {
    let metadata = fs::metadata(source).map_err(io_error("read", source))?;
    if metadata.is_dir() { read_directory(blobs, source) } else { read_module(blobs, reference, source) }
}

fn read_module(blobs: &Blobs, reference: &Reference, source: &Path) -> Result<Manifest, ImageError> {
    let entry = read_file(blobs, source)?;
    if !entry.wasm {
        return Err(ImageError::NotAnImage(format!("`{}` is not WebAssembly", source.display())));
    }
    let path = format!("/{}.wasm", reference.name());
    let files = BTreeMap::from([(path.clone(), entry)]);
    Ok(Manifest { files, entrypoint: vec![path], ..Manifest::default() })
}

fn read_directory(blobs: &Blobs, source: &Path) -> Result<Manifest, ImageError> {
    let config = read_config(&source.join(CONFIG))?;
    let mut files = BTreeMap::new();
    walk(blobs, (source, source), "", DEPTH_MAX, &mut files)?;
    files.remove(&format!("/{CONFIG}"));
    if !files.values().any(|entry: &Entry| entry.wasm) {
        return Err(ImageError::NotAnImage(format!("`{}` has no WebAssembly module", source.display())));
    }
    let env = config.env.into_iter().collect();
    Ok(Manifest { files, entrypoint: config.entrypoint, cmd: config.cmd, env, ..Manifest::default() })
}

fn walk(
    blobs: &Blobs,
    (root, dir): (&Path, &Path),
    prefix: &str,
    depth_left: usize,
    files: &mut BTreeMap<String, Entry>,
) -> Result<(), ImageError> {
    if depth_left == 0 {
        return Err(ImageError::NotAnImage(format!("`{}` is too deep", dir.display())));
    }
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let entry = entry.map_err(io_error("list", dir))?;
        let kind = entry.file_type().map_err(io_error("read", &entry.path()))?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(ImageError::NotAnImage(format!("the name of `{}` is not UTF-8", entry.path().display())));
        };
        let path = format!("{prefix}/{name}");
        if kind.is_dir() {
            walk(blobs, (root, &entry.path()), &path, depth_left - 1, files)?;
        } else if kind.is_file() {
            files.insert(path, read_file(blobs, &entry.path())?);
        } else if kind.is_symlink() {
            let link = entry.path();
            let Some(file) = linked_file(root, &link) else {
                let what = "a link that leads to no file in the image's directory";
                return Err(ImageError::NotAnImage(format!("`{}` is {what}", link.display())));
            };
            files.insert(path, read_file(blobs, &file)?);
        } else {
            return Err(ImageError::NotAnImage(format!("`{}` is a device or a pipe", entry.path().display())));
        }
        if files.len() > FILES_MAX {
            return Err(ImageError::NotAnImage(format!("more than {FILES_MAX} files")));
        }
    }
    Ok(())
}

/// The file that a link means where `root` is `/`; none if that is no file or not there.
fn linked_file(root: &Path, link: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let mut place = link.parent()?.canonicalize().ok()?.join(link.file_name()?);
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&place) else {
            // A directory on the way may be a link too, and lead out.
            let place = place.canonicalize().ok()?;
            return (place.starts_with(&root) && place.is_file()).then_some(place);
        };
        place.pop();
        for word in target.components() {
            match word {
                Component::RootDir => place.clone_from(&root),
                Component::ParentDir if place == root => {}
                Component::ParentDir => drop(place.pop()),
                Component::Normal(name) => place.push(name),
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }
    None
}

fn read_file(blobs: &Blobs, path: &Path) -> Result<Entry, ImageError> {
    let file = File::open(path).map_err(io_error("open", path))?;
    let written = blobs.write(&path.display().to_string(), file, FILE_BYTES_MAX)?;
    let wasm = written.magic.starts_with(WASM_MAGIC);
    Ok(Entry { digest: written.digest, size_bytes: written.size_bytes, wasm })
}

fn read_config(path: &Path) -> Result<Config, ImageError> {
    let bytes = match fs::metadata(path) {
        Ok(metadata) if metadata.len() > CONFIG_BYTES_MAX => {
            return Err(ImageError::TooBig { name: CONFIG.to_owned(), bytes_max: CONFIG_BYTES_MAX });
        }
        Ok(_) => fs::read(path).map_err(io_error("read", path))?,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
        Err(err) => return Err(io_error("read", path)(err)),
    };
    serde_json::from_slice(&bytes).map_err(|source| ImageError::Damaged { path: path.to_owned(), source })
}
