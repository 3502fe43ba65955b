//! Runs WebAssembly components in one process. It has never heard of a Pod: a `Group` shares an address and a memory
//! limit, an `Instance` is one program in it.
//!
//! # Flow
//! `ImageStore` turns a reference into modules; `Runtime::start` compiles a module once (in a child process), maps the
//! result, links it with the WASI hosts and runs it: a command in a store of its own, a `wasi:http` server in a fresh
//! store per request. `Instance` is the caller's handle.

pub mod config;
pub mod image;
pub mod instance;
pub mod runtime;
pub mod spec;

pub use config::{AddressMapping, Config};
pub use image::{Image, ImageError, ImageStore};
pub use instance::Instance;
pub use runtime::{OpenError, Runtime};
pub use spec::{Exit, ExitReason, File, Group, LogStream, Mount, MountSource, ServiceTable, Spec, StartError, Stats};

/// What the hidden subcommand runs in the child process: `compile_main(args after the subcommand)` is its exit code.
#[cfg(feature = "compiler")]
pub fn compile_main(args: impl IntoIterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    drop(args.into_iter());
    std::process::ExitCode::FAILURE
}
