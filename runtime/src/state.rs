//! What a store holds beside the guest: the WASI contexts and the limits of one instance.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::WasiSocketsCtx;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::cpu::{self, Meter};
use crate::host::filesystem::FilesView;
use crate::host::filesystem::tree::Tree;
use crate::host::sockets::{self, Sockets};
use crate::host::stdio::{Input, Output};
use crate::http::outbound::Outbound;
use crate::memory::Limiter;
use crate::program::Program;
use crate::spec::LogStream;

/// Host resources of one store: sockets, streams, files, pollables, HTTP messages.
const RESOURCES_MAX: usize = 4096;
/// Handles that the guest holds in its own tables.
const HANDLES_MAX: usize = 8192;
/// What one host call may copy out of the guest.
const HOSTCALL_BYTES_MAX: usize = 16 << 20;
const RANDOM_BYTES_MAX: u64 = 1 << 20;
/// Headers and trailers of one HTTP message, as they are kept in memory.
const FIELDS_BYTES_MAX: usize = 64 << 10;

/// The `T` of every `Store<T>`.
pub(crate) struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    outbound: Outbound,
    sockets: Sockets,
    tree: Option<Arc<Tree>>,
    limiter: Limiter,
}

impl State {
    /// What a host call on files works with.
    pub(crate) fn files(&mut self) -> FilesView<'_> {
        FilesView { tree: self.tree.as_deref(), table: &mut self.table }
    }

    /// What a host call on sockets works with.
    pub(crate) fn sockets(&mut self) -> (&mut WasiSocketsCtx, &mut ResourceTable, &mut Sockets) {
        (self.wasi.sockets(), &mut self.table, &mut self.sockets)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

/// A store for one instance of a program, under all its limits.
pub(crate) fn store(program: &Arc<Program>, meter: Arc<Meter>) -> Store<State> {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELDS_BYTES_MAX);
    let mut table = ResourceTable::new();
    table.set_max_capacity(RESOURCES_MAX);
    let state = State {
        wasi: wasi(program),
        http,
        table,
        outbound: Outbound::new(Arc::clone(&program.network)),
        sockets: Sockets::new(Arc::clone(&program.network)),
        tree: program.tree.clone(),
        limiter: Limiter::new(Arc::clone(&program.life.memory)),
    };
    let mut store = Store::new(program.module.engine(), state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
    store.set_max_component_handles(HANDLES_MAX);
    cpu::limit(&mut store, Arc::clone(&program.life.cpu), meter);
    store
}

fn wasi(program: &Program) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    builder
        .args(&program.args)
        .envs(&program.env)
        .stdin(Input::new(Arc::clone(&program.streams)))
        .stdout(Output::new(Arc::clone(&program.streams), LogStream::Stdout))
        .stderr(Output::new(Arc::clone(&program.streams), LogStream::Stderr))
        .max_random_size(RANDOM_BYTES_MAX);
    sockets::permit(&mut builder, program.network.host_ip());
    builder.build()
}
