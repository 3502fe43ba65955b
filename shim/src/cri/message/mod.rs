//! The messages of CRI v1 that the calls we answer need: names and field numbers are those of `runtime.v1`, so that a
//! socket decodes into these very types. Fields that no caller of ours sets are left out; prost skips what it does not
//! know.

mod container;
mod event;
mod image;
mod runtime;
mod sandbox;
mod stats;
mod status;

pub use container::*;
pub use event::*;
pub use image::*;
pub use runtime::*;
pub use sandbox::*;
pub use stats::*;
pub use status::*;
