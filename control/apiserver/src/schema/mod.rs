//! What the API's objects look like: one table that decoding, canonical form, patches, protobuf and OpenAPI all read.

pub mod base64;
pub mod canonical;
pub mod decode;
pub mod json;
mod kind;
pub mod quantity;
mod table;
pub mod time;
pub mod yaml;

pub use canonical::{canonicalise, check};
pub(crate) use canonical::{float, zero};
pub use kind::{Kind, ListRule, PatchRule, Presence, Shape};
pub use quantity::Quantity;
pub use table::{Field, Type, all, find, find_kind};

#[cfg(test)]
mod tests;
