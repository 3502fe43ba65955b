//! Runs WebAssembly components in one process. It has never heard of a Pod: a `Group` shares an address and a memory
//! limit, an `Instance` is one program in it.

pub mod spec;

pub use spec::{Exit, ExitReason, File, Group, LogStream, Mount, ServiceTable, Spec, StartError, Stats};
