//! What programs may ask of their host: the WASI interfaces, each in a file of its own, put into one linker.
//!
//! # Guarantees
//! A program reaches nothing but what its spec gave it: no file, no variable, no stream, and no socket but as its group.

pub(crate) mod filesystem;
pub(crate) mod sockets;
pub(crate) mod stdio;

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::state::State;

/// One linker serves every program of an engine: what differs between programs is in their `State`.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    // Ours stand in the place of the built-in ones; after that, a second definition is a mistake again.
    linker.allow_shadowing(true);
    filesystem::add_to_linker(&mut linker)?;
    sockets::add_to_linker(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// Bindings of the interfaces that this host implements itself.
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        imports: { default: trappable },
        require_store_data_send: true,
        trappable_error_type: {
            "wasi:filesystem/types.error-code" => crate::host::filesystem::FsError,
            "wasi:sockets/network.error-code" => wasmtime_wasi::p2::SocketError,
        },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:filesystem/types.descriptor": crate::host::filesystem::handle::Handle,
            "wasi:filesystem/types.directory-entry-stream": crate::host::filesystem::handle::Listing,
            "wasi:sockets/network": wasmtime_wasi::p2::bindings::sockets::network,
            "wasi:sockets/ip-name-lookup.resolve-address-stream": crate::host::sockets::names::Addresses,
        },
    });
}
