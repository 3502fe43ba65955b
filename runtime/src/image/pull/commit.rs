//! Makes an image of layers that are here: unpacks them, checks what they hold, and gives it its names at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::downloads::Claim;
use super::error::PullError;
use super::plan::{Form, Layer, Plan};
use super::world::World;
use crate::image::error::{ImageError, io_error};
use crate::image::layer::{self, Overlay, Packing, UNPACKED_BYTES_MAX};
use crate::image::manifest::{Entry, Manifest};
use crate::image::store::{Image, ImageStore};

/// Says that nobody waits any more, when it is dropped.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The image `id` under more names, if it is here already.
pub(super) async fn known(store: &Arc<ImageStore>, id: &str, names: &[String]) -> Result<Option<Image>, PullError> {
    let (store, id, names) = (Arc::clone(store), id.to_owned(), names.to_vec());
    let named = tokio::task::spawn_blocking(move || store.name(&id, &names)).await;
    Ok(named.expect("writing the store does not panic")?)
}

/// Stores the image `id`. Cancellation safe: it is then there under all its names, or not at all.
pub(super) async fn commit(
    store: &Arc<ImageStore>,
    plan: Plan,
    claims: BTreeMap<String, Claim>,
    id: String,
    names: Vec<String>,
) -> Result<Image, PullError> {
    let waited_for = Arc::new(AtomicBool::new(true));
    let _waiting = Waiting(Arc::clone(&waited_for));
    let store = Arc::clone(store);
    let done = tokio::task::spawn_blocking(move || {
        let go_on = || waited_for.load(Ordering::Relaxed);
        // Under the store's lock: the files belong to nobody until the manifest names them.
        let image = store.add(&id, &names, |blobs| {
            let files = read_layers(&plan.layers, plan.module_path(), &claims, blobs, &go_on)?;
            if plan.check_world {
                check_world(&files, blobs)?;
            }
            plan.finish(files)
        });
        // A download that became files is of no more use, and one that is refused would be refused again.
        if image.is_ok() || go_on() {
            for claim in claims.values() {
                let _ = std::fs::remove_file(claim.path());
            }
        }
        store.downloads.tidy();
        image
    });
    done.await.expect("writing the store does not panic")
}

fn read_layers(
    layers: &[Layer],
    module_path: &str,
    claims: &BTreeMap<String, Claim>,
    blobs: &crate::image::blob::Blobs,
    go_on: &dyn Fn() -> bool,
) -> Result<BTreeMap<String, Entry>, PullError> {
    let (mut overlay, mut budget_bytes) = (Overlay::default(), UNPACKED_BYTES_MAX);
    let mut module = None;
    for Layer { descriptor, form, diff_id } in layers {
        let path = claims[&descriptor.digest].path();
        let packing = layer::packing(path)?;
        // The first bytes decide; the media type only says what the layer claims to be.
        match (form, packing) {
            (Form::Wasm, Packing::Wasm) => {
                blobs.adopt(path, &descriptor.digest)?;
                module = Some(Entry { digest: descriptor.digest.clone(), size_bytes: descriptor.size, wasm: true });
            }
            (Form::Wasm, Packing::Gzip | Packing::Zstd | Packing::Plain) => {
                let reason = format!("its layer calls itself `{}` and is not WebAssembly", descriptor.media_type);
                return Err(PullError::Refused(reason));
            }
            (Form::Archive, packing) => {
                let unpacked = layer::unpack(path, packing, blobs, &mut overlay, &mut budget_bytes, go_on)?;
                if diff_id.as_ref().is_some_and(|diff_id| *diff_id != unpacked) {
                    return Err(PullError::Refused("a layer of it is not the one that its config names".to_owned()));
                }
            }
        }
    }
    let mut files = overlay.files()?;
    if let Some(entry) = module {
        files.insert(module_path.to_owned(), entry);
    }
    blobs.sync()?;
    Ok(files)
}

/// Reads the imports of the one module, for artifacts whose config does not tell them.
fn check_world(files: &BTreeMap<String, Entry>, blobs: &crate::image::blob::Blobs) -> Result<(), PullError> {
    for entry in files.values().filter(|entry| entry.wasm) {
        let path = blobs.path(&entry.digest);
        let file = File::open(&path).map_err(io_error("open", &path))?;
        if let Some(world) = World::read(BufReader::new(file)) {
            world.check()?;
        }
    }
    Ok(())
}

impl ImageStore {
    /// Adds an image that `make` describes; what it wrote is removed again if it fails.
    fn add(
        &self,
        id: &str,
        names: &[String],
        make: impl FnOnce(&crate::image::blob::Blobs) -> Result<Manifest, PullError>,
    ) -> Result<Image, PullError> {
        let change = self.change();
        match make(change.blobs()) {
            Ok(manifest) => Ok(change.put(id, names, &manifest)?),
            Err(err) => {
                change.discard()?;
                Err(err)
            }
        }
    }

    fn name(&self, id: &str, names: &[String]) -> Result<Option<Image>, ImageError> {
        let change = self.change();
        let Some(manifest) = change.known(id)? else { return Ok(None) };
        change.put(id, names, &manifest).map(Some)
    }
}
