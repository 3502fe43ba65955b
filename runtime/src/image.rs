//! Images on disk: what a reference names, content-addressed and checked.

mod blob;
mod import;
pub mod reference;
pub mod store;
#[cfg(test)]
mod tests;

pub use reference::Reference;
pub use store::{Image, ImageError, ImageStore};

#[cfg(feature = "compiler")]
pub(crate) use blob::digest;
pub(crate) use blob::{hex, seal};
