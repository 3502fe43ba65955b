//! Guards the images on disk: written whole or not at all, found by reference or id, never changed in place.
//!
//! # Guarantees
//! - A blob's name is the sha256 of its contents; it is written to a temporary file, synced and renamed.
//! - An image exists from the moment that its manifest is renamed into place; `references.json` is replaced whole.
//! - What a crash leaves half-written is nobody's: `open` removes temporary files and unreferenced blobs.
//! - One process at a time: the store is locked while it is open.

mod change;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::image::blob::{self, Blobs};
use crate::image::error::{ImageError, io_error};
use crate::image::files::Shown;
use crate::image::import;
use crate::image::manifest::Manifest;
use crate::image::pull::downloads::Downloads;
use crate::image::pull::{PULLS_MAX, Registries};
use crate::image::reference::{Reference, is_sha256};

/// An image, as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `sha256:` and a digest: of the config of a pulled image (of its manifest if the config does not pin down its
    /// contents), of what we know of an imported one.
    pub id: String,
    /// The full references that lead to it, sorted.
    pub references: Vec<String>,
    /// Sum over its files; one that has many names counts once.
    pub size_bytes: u64,
    /// The program and its first arguments; empty if the image does not say.
    pub entrypoint: Vec<String>,
    /// Default arguments, replaced by those of a spec.
    pub cmd: Vec<String>,
    /// Defaults that a spec's environment adds to.
    pub env: Vec<(String, String)>,
    /// The modules in it, by absolute path.
    pub modules: Vec<String>,
    /// As in an OCI config: `USER`, `UID` or either with a group; empty if it does not say.
    pub user: String,
    /// Imported images are never collected: they cannot be fetched again.
    pub pinned: bool,
}

/// The images of one data directory.
#[derive(Debug)]
pub struct ImageStore {
    dir: PathBuf,
    blobs: Blobs,
    // Full reference to image id, as `references.json` has it; replaced whole, and never locked during I/O.
    references: Mutex<Arc<References>>,
    // Held by whoever changes the store, so that nobody collects what another is about to name.
    writing: Mutex<()>,
    pub(crate) downloads: Downloads,
    /// How many pulls go on at the same time.
    pub(crate) pulls: Semaphore,
    registries: Mutex<Arc<Registries>>,
    pub(crate) shown: Shown,
    // Held open for its lock.
    _lock: File,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct References {
    version: u32,
    references: BTreeMap<String, String>,
}

const FORMAT_VERSION: u32 = 1;
const REFERENCES: &str = "references.json";

impl ImageStore {
    /// Opens the store in `dir`, making it if it is not there, and cleans up after a crash.
    ///
    /// # Errors
    /// Another process has it open, or the disk fails.
    pub fn open(dir: &Path) -> Result<Self, ImageError> {
        let manifests = dir.join("manifests");
        fs::create_dir_all(&manifests).map_err(io_error("create", &manifests))?;
        let lock = lock(&dir.join("lock"))?;
        let blobs = Blobs::open(&dir.join("blobs"))?;
        let references = read_references(&dir.join(REFERENCES))?;
        let store = Self {
            dir: dir.to_owned(),
            blobs,
            references: Mutex::new(Arc::new(references)),
            writing: Mutex::new(()),
            downloads: Downloads::open(&dir.join("downloads"))?,
            pulls: Semaphore::new(PULLS_MAX),
            registries: Mutex::default(),
            shown: Shown::default(),
            _lock: lock,
        };
        store.sweep()?;
        Ok(store)
    }

    /// Takes a `.wasm` file or a directory under a reference; the same contents again are the same image.
    ///
    /// # Errors
    /// It is not an image, too big, or the disk fails.
    pub fn import(&self, reference: &str, source: &Path) -> Result<Image, ImageError> {
        let reference = Reference::parse(reference)?;
        let change = self.change();
        let manifest = import::read(&self.blobs, &reference, source)?;
        let id = blob::digest(&change::encode(&manifest));
        change.put(&id, &[reference.to_string()], &manifest)
    }

    /// Says where images are fetched from, from now on.
    pub fn set_registries(&self, registries: Registries) {
        *self.registries.lock() = Arc::new(registries);
    }

    pub(crate) fn registries(&self) -> Arc<Registries> {
        Arc::clone(&self.registries.lock())
    }

    /// The directory that holds them.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All images, by id.
    ///
    /// # Errors
    /// The disk fails.
    pub fn list(&self) -> Result<Vec<Image>, ImageError> {
        let references = self.references();
        let ids: BTreeSet<&String> = references.references.values().collect();
        ids.into_iter().filter_map(|id| self.image(id, &references).transpose()).collect()
    }

    /// The image that a reference or an id leads to.
    ///
    /// # Errors
    /// The disk fails. What is not there or means nothing is `None`.
    pub fn resolve(&self, name: &str) -> Result<Option<Image>, ImageError> {
        let references = self.references();
        let Some(id) = find(name, &references) else { return Ok(None) };
        self.image(&id, &references)
    }

    /// Forgets an image with all its names, by any of them or its id. Whether it was there.
    ///
    /// # Errors
    /// The disk fails.
    pub fn remove(&self, name: &str) -> Result<bool, ImageError> {
        let _writing = self.writing.lock();
        let references = self.references();
        let Some(id) = find(name, &references) else { return Ok(false) };
        let mut next = (*references).clone();
        next.references.retain(|_, other| *other != id);
        self.replace_references(next)?;
        Ok(true)
    }

    /// What the image `id` is made of.
    ///
    /// # Errors
    /// It is not there, or the disk fails.
    pub fn manifest(&self, id: &str) -> Result<Manifest, ImageError> {
        let path = self.manifest_path(id);
        let bytes = fs::read(&path).map_err(io_error("read", &path))?;
        serde_json::from_slice(&bytes).map_err(|source| ImageError::Damaged { path, source })
    }

    /// Where the contents of a file of an image are.
    pub fn blob_path(&self, digest: &str) -> PathBuf {
        self.blobs.path(digest)
    }

    fn manifest_path(&self, id: &str) -> PathBuf {
        self.dir.join("manifests").join(format!("{}.json", blob::hex(id)))
    }

    /// `None` if it was removed since `references` were read.
    fn image(&self, id: &str, references: &References) -> Result<Option<Image>, ImageError> {
        match self.manifest(id) {
            Ok(manifest) => Ok(Some(image(id, &manifest, references))),
            Err(ImageError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }

    fn references(&self) -> Arc<References> {
        Arc::clone(&self.references.lock())
    }

    /// On disk, then in memory, then without what nothing leads to any more.
    fn replace_references(&self, next: References) -> Result<Arc<References>, ImageError> {
        let bytes = serde_json::to_vec_pretty(&next).expect("strings always encode");
        blob::write_atomically(&self.dir.join(REFERENCES), &bytes)?;
        let next = Arc::new(next);
        *self.references.lock() = Arc::clone(&next);
        self.collect(&next)?;
        Ok(next)
    }

    /// Removes what no reference leads to and no program has files of.
    fn collect(&self, references: &References) -> Result<(), ImageError> {
        let ids: BTreeSet<&String> = references.references.values().collect();
        let kept: BTreeSet<PathBuf> = ids.iter().map(|id| self.manifest_path(id)).collect();
        let mut digests = self.shown.digests();
        for id in ids {
            digests.extend(self.manifest(id)?.files.into_values().map(|entry| entry.digest));
        }
        blob::remove_all_but(&self.dir.join("manifests"), |path| kept.contains(path))?;
        self.blobs.retain(&digests)
    }

    /// Forgets references whose manifest a crash or a person took away, then collects.
    fn sweep(&self) -> Result<(), ImageError> {
        let references = self.references();
        let mut next = (*references).clone();
        next.references.retain(|_, id| self.manifest_path(id).exists());
        let forgotten = references.references.len() - next.references.len();
        if forgotten == 0 {
            return self.collect(&references);
        }
        tracing::warn!(forgotten, "found references without an image");
        self.replace_references(next).map(drop)
    }
}

fn lock(path: &Path) -> Result<File, ImageError> {
    let file = File::options().create(true).append(true).open(path).map_err(io_error("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(ImageError::Locked(path.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(io_error("lock", path)(source)),
    }
}

fn read_references(path: &Path) -> Result<References, ImageError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            return Ok(References { version: FORMAT_VERSION, references: BTreeMap::new() });
        }
        Err(err) => return Err(io_error("read", path)(err)),
    };
    let references: References =
        serde_json::from_slice(&bytes).map_err(|source| ImageError::Damaged { path: path.to_owned(), source })?;
    if references.version > FORMAT_VERSION {
        return Err(ImageError::Newer { found: references.version, known: FORMAT_VERSION });
    }
    Ok(references)
}

/// An id is known if a reference leads to it; the id of an imported image stands for its digest in its repository.
fn find(name: &str, references: &References) -> Option<String> {
    let ids = &references.references;
    if is_sha256(name) {
        return ids.values().find(|id| *id == name).cloned();
    }
    let reference = Reference::parse(name).ok()?;
    if let Some(id) = ids.get(&reference.to_string()) {
        return Some(id.clone());
    }
    let digest = reference.digest()?;
    // The digest says which one, whatever tag is beside it.
    if let Some(id) = ids.get(&format!("{}@{digest}", reference.repository())) {
        return Some(id.clone());
    }
    let repository = format!("{}:", reference.repository());
    ids.iter().find(|(full, id)| full.starts_with(&repository) && *id == digest).map(|(_, id)| id.clone())
}

fn image(id: &str, manifest: &Manifest, references: &References) -> Image {
    // Many names of one file take its room once.
    let contents: BTreeMap<&str, u64> =
        manifest.files.values().map(|entry| (entry.digest.as_str(), entry.size_bytes)).collect();
    let names = references.references.iter().filter(|(_, other)| *other == id).map(|(name, _)| name.clone());
    Image {
        id: id.to_owned(),
        references: names.collect(),
        size_bytes: contents.values().sum(),
        entrypoint: manifest.entrypoint.clone(),
        cmd: manifest.cmd.clone(),
        env: manifest.env.clone(),
        modules: manifest.files.iter().filter(|(_, entry)| entry.wasm).map(|(path, _)| path.clone()).collect(),
        user: manifest.user.clone(),
        pinned: !manifest.pulled,
    }
}
