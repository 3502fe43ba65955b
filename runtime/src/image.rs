//! Images on disk: what a reference names, content-addressed and checked.

mod blob;
pub mod error;
mod import;
pub mod manifest;
pub mod reference;
pub mod store;
#[cfg(test)]
mod tests;

pub use error::ImageError;
pub use manifest::{Entry, Manifest};
pub use reference::Reference;
pub use store::{Image, ImageStore};

#[cfg(feature = "compiler")]
pub(crate) use blob::digest;
pub(crate) use blob::{hex, seal};
