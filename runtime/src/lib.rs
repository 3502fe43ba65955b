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
pub mod stdio;

mod argv;
mod artifact;
mod command;
#[cfg(feature = "compiler")]
mod compile;
mod cpu;
mod engine;
mod exec;
mod exit;
mod host;
mod http;
mod log;
mod lookup;
mod memory;
mod module;
mod network;
mod place;
pub mod process;
mod program;
mod state;
mod trust;

#[cfg(feature = "compiler")]
pub use compile::compile_main;
pub use config::{AddressMapping, Config};
pub use image::{Image, ImageError, ImageFiles, ImageStore};
pub use instance::Instance;
pub use runtime::{OpenError, Runtime};
pub use spec::{
    Exit, ExitReason, File, FileSet, Group, LogStream, Mount, MountSource, ServiceTable, Spec, StartError, Stats,
};
pub use stdio::{Listener, Stdio};
pub use trust::AnyCertificate;
