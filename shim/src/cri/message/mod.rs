//! The messages of CRI v1 that the calls we answer need: names and field numbers are those of `runtime.v1`, so that a
//! socket decodes into these very types. Fields that no caller of ours sets are left out; prost skips what it does not
//! know.

mod container;
mod image;
mod runtime;
mod sandbox;

pub use container::*;
pub use image::*;
pub use runtime::*;
pub use sandbox::*;
