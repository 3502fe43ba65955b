//! Changes the store: one who may at a time, and a new image only once all of it is written.

use parking_lot::MutexGuard;

use super::{Image, ImageStore, image};
use crate::image::blob::{self, Blobs};
use crate::image::error::ImageError;
use crate::image::manifest::Manifest;

/// The right to change the store, which one holds at a time.
pub(crate) struct Change<'a> {
    store: &'a ImageStore,
    _writing: MutexGuard<'a, ()>,
}

// === impl ImageStore ===

impl ImageStore {
    /// Begins a change; others wait until it ends.
    pub(crate) fn change(&self) -> Change<'_> {
        Change { store: self, _writing: self.writing.lock() }
    }
}

// === impl Change ===

impl Change<'_> {
    /// Where files are written that `put` will name.
    pub(crate) fn blobs(&self) -> &Blobs {
        &self.store.blobs
    }

    /// What the image `id` is made of, if it is here.
    pub(crate) fn known(&self, id: &str) -> Result<Option<Manifest>, ImageError> {
        let here = self.store.references().references.values().any(|other| other == id);
        here.then(|| self.store.manifest(id)).transpose()
    }

    /// Makes `manifest` the image `id` and lets `names` lead to it.
    pub(crate) fn put(self, id: &str, names: &[String], manifest: &Manifest) -> Result<Image, ImageError> {
        blob::write_atomically(&self.store.manifest_path(id), &encode(manifest))?;
        let mut next = (*self.store.references()).clone();
        next.references.extend(names.iter().map(|name| (name.clone(), id.to_owned())));
        let references = self.store.replace_references(next)?;
        Ok(image(id, manifest, &references))
    }

    /// Removes what was written and is not named.
    pub(crate) fn discard(self) -> Result<(), ImageError> {
        self.store.collect(&self.store.references())
    }
}

/// A manifest as it is on disk: of an imported image the digest of this is the id.
pub(super) fn encode(manifest: &Manifest) -> Vec<u8> {
    serde_json::to_vec(manifest).expect("strings and numbers always encode")
}
