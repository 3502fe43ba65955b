//! Owns what all programs share: images, compiled code, engines, services.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::config::Config;
use crate::image::{ImageError, ImageStore};
use crate::instance::Instance;
use crate::spec::{ServiceTable, Spec, StartError};

/// The runtime of one process.
#[derive(Debug)]
pub struct Runtime {
    images: ImageStore,
    services: Arc<RwLock<Arc<ServiceTable>>>,
}

/// Why the runtime did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The image store did not open.
    #[error("open the image store")]
    Images(#[source] ImageError),
}

impl Runtime {
    /// Opens the stores under `config.data_dir`. Programs run on the tokio runtime that `start` is called on.
    ///
    /// # Errors
    /// The data directory is not writable or another process has it open.
    pub fn open(config: Config) -> Result<Arc<Self>, OpenError> {
        let images = ImageStore::open(&config.data_dir.join("images")).map_err(OpenError::Images)?;
        Ok(Arc::new(Self { images, services: Arc::default() }))
    }

    /// The images that programs start from.
    pub fn images(&self) -> &ImageStore {
        &self.images
    }

    /// Replaces where service addresses and names lead, for running programs too.
    pub fn set_services(&self, table: ServiceTable) {
        *self.services.write() = Arc::new(table);
    }

    /// Starts a program. When this returns, a command has a running instance and a server has a bound listener.
    ///
    /// # Errors
    /// See `StartError`.
    pub async fn start(&self, spec: Spec) -> Result<Instance, StartError> {
        Err(StartError::Exhausted(format!("`{}`: running programs comes with the next change", spec.id)))
    }
}
