//! JSON as Go reads it: the same syntax errors, the same strings out of broken escapes, numbers kept as they were written.
//!
//! Flow: [`check`] refuses what is no JSON; after that a [`Reader`] walks the bytes and cannot fail.
//! Guarantees: nesting is bounded by [`DEPTH_MAX`], so recursion over a checked text is bounded too.

mod check;
mod duplicate;
mod reader;

pub use check::check;
pub use duplicate::{duplicates, tree_with_duplicates};
pub use reader::{Reader, Token, number};

/// How deep objects and arrays may nest. Go allows 10,000; no object of the API comes near this.
pub const DEPTH_MAX: usize = 256;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests;
