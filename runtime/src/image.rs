//! Images on disk: what a reference names, content-addressed and checked.

mod blob;
pub mod error;
mod files;
mod import;
mod layer;
pub mod manifest;
pub mod pull;
pub mod reference;
pub mod store;
#[cfg(test)]
mod tests;

pub use error::ImageError;
pub use files::ImageFiles;
pub use manifest::{Entry, Manifest};
pub use pull::{BlobProgress, Credential, Pull, PullError, Registries, RegistriesError, Report};
pub use reference::Reference;
pub use store::{Image, ImageStore};

#[cfg(feature = "compiler")]
pub(crate) use blob::digest;
pub(crate) use blob::{hex, seal};
