//! What programs may ask of their host: the WASI interfaces, each in a file of its own, put into one linker.
//!
//! # Guarantees
//! A program reaches nothing but what its spec gave it: no file, no variable, no stream, and no socket but as its group.

pub(crate) mod stdio;

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::state::State;

/// One linker serves every program of an engine: what differs between programs is in their `State`.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Ok(linker)
}
