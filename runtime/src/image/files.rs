//! The files of an image as a program sees them: all of them as its root, or what is below one directory as a volume.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::image::error::ImageError;
use crate::image::manifest::{Entry, Manifest};
use crate::image::store::ImageStore;

/// The files of an image below one of its directories, or one of its files. Whoever shows the same image shares them.
#[derive(Clone, Debug)]
pub struct ImageFiles {
    store: Arc<ImageStore>,
    manifest: Arc<Manifest>,
    /// Absolute and without a slash at its end; all of the image is empty.
    root: String,
}

/// What the images are made of that programs have files of; one that nobody has is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<HashMap<String, Weak<Manifest>>>);

// === impl Shown ===

impl Shown {
    /// The contents that somebody may still open.
    pub(crate) fn digests(&self) -> BTreeSet<String> {
        let shown: Vec<Arc<Manifest>> = self.0.lock().values().filter_map(Weak::upgrade).collect();
        shown.iter().flat_map(|manifest| manifest.files.values()).map(|entry| entry.digest.clone()).collect()
    }
}

// === impl ImageStore ===

impl ImageStore {
    /// The files of the image `id`, to mount them.
    ///
    /// # Errors
    /// It is not there, or the disk fails.
    pub fn files(self: &Arc<Self>, id: &str) -> Result<ImageFiles, ImageError> {
        Ok(ImageFiles::new(Arc::clone(self), self.shared_manifest(id)?))
    }

    /// As `manifest`, shared with everyone who has it.
    pub(crate) fn shared_manifest(&self, id: &str) -> Result<Arc<Manifest>, ImageError> {
        if let Some(manifest) = self.shown.0.lock().get(id).and_then(Weak::upgrade) {
            return Ok(manifest);
        }
        let manifest = Arc::new(self.manifest(id)?);
        let mut shown = self.shown.0.lock();
        shown.retain(|_, manifest| manifest.strong_count() > 0);
        shown.insert(id.to_owned(), Arc::downgrade(&manifest));
        Ok(manifest)
    }
}

// === impl ImageFiles ===

impl ImageFiles {
    /// All files of an image.
    pub(crate) fn new(store: Arc<ImageStore>, manifest: Arc<Manifest>) -> Self {
        Self { store, manifest, root: String::new() }
    }

    /// What is at a path below, if anything is. A path that leads upwards leads nowhere.
    pub fn below(mut self, path: &str) -> Option<Self> {
        let words: Vec<&str> = path.split('/').filter(|word| !matches!(*word, "" | ".")).collect();
        if words.contains(&"..") {
            return None;
        }
        for word in words {
            self.root = format!("{}/{word}", self.root);
        }
        (self.entry("").is_some() || self.is_directory("")).then_some(self)
    }

    /// The file at a path relative to the root; empty is the root itself.
    pub(crate) fn entry(&self, path: &str) -> Option<&Entry> {
        self.manifest.files.get(&self.full(path))
    }

    /// Where the contents of a file are.
    pub(crate) fn blob(&self, entry: &Entry) -> PathBuf {
        self.store.blob_path(&entry.digest)
    }

    pub(crate) fn is_directory(&self, path: &str) -> bool {
        self.inside(path).next().is_some()
    }

    /// The names in a directory, and whether each is one.
    pub(crate) fn children(&self, path: &str) -> BTreeMap<&str, bool> {
        let split = |rest: &'_ str| rest.split_once('/').map(|(name, _)| name.len());
        self.inside(path).map(|rest| split(rest).map_or((rest, false), |end| (&rest[..end], true))).collect()
    }

    /// The paths of the files in a directory and below, relative to it.
    fn inside(&self, path: &str) -> impl Iterator<Item = &str> {
        let prefix = self.full(path) + "/";
        let length = prefix.len();
        let files = self.manifest.files.range(prefix.clone()..);
        files.map_while(move |(path, _)| path.starts_with(&prefix).then(|| &path[length..]))
    }

    fn full(&self, path: &str) -> String {
        if path.is_empty() { self.root.clone() } else { format!("{}/{path}", self.root) }
    }
}
