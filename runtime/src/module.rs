//! Turns a module of an image into linked code that instances start from, once for all who run it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::artifact::{Artifacts, CompileError};
use crate::engine::{self, Class};
use crate::host;
use crate::state::State;

/// Exported by components that serve HTTP, in any version of 0.2.
const HTTP_EXPORT: &str = "wasi:http/incoming-handler@0.2.";

/// Code that is ready to be instantiated.
pub(crate) struct Module {
    pub(crate) world: World,
}

/// What a module is written for, and so how it is run.
pub(crate) enum World {
    /// It has a main function.
    Command(CommandPre<State>),
    /// It handles HTTP requests.
    Server(ProxyPre<State>),
}

impl Module {
    pub(crate) fn engine(&self) -> &Engine {
        match &self.world {
            World::Command(pre) => pre.engine(),
            World::Server(pre) => pre.engine(),
        }
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.world {
            World::Command(_) => "Module(Command)",
            World::Server(_) => "Module(Server)",
        })
    }
}

/// The modules that programs run now; one that no program runs is unmapped.
pub(crate) struct Modules {
    artifacts: Artifacts,
    engine: Engine,
    linker: Linker<State>,
    loaded: Mutex<HashMap<String, Weak<Module>>>,
}

impl std::fmt::Debug for Modules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Modules").field("artifacts", &self.artifacts).finish_non_exhaustive()
    }
}

impl Modules {
    pub(crate) fn new(artifacts: Artifacts) -> wasmtime::Result<Self> {
        let engine = Engine::new(&engine::config(Class::Dense))?;
        let linker = host::linker(&engine)?;
        Ok(Self { artifacts, engine, linker, loaded: Mutex::default() })
    }

    pub(crate) fn engines(&self) -> [Engine; 1] {
        [self.engine.clone()]
    }

    pub(crate) fn artifacts_dir(&self) -> &Path {
        self.artifacts.dir()
    }

    /// The module with this digest, compiled from `path` if it never was. Cancellation safe.
    pub(crate) async fn get(&self, digest: &str, path: &Path) -> Result<Arc<Module>, CompileError> {
        if let Some(module) = self.loaded(digest) {
            return Ok(module);
        }
        let artifact = self.artifacts.get(digest, path, Class::Dense).await?;
        let component = match load(&self.engine, &artifact) {
            Ok(component) => component,
            Err(err) => {
                tracing::info!(%digest, %err, "recompiling an artifact that does not fit");
                self.artifacts.discard(&artifact);
                let artifact = self.artifacts.get(digest, path, Class::Dense).await?;
                load(&self.engine, &artifact).map_err(|err| CompileError::Failed(format!("{err:#}")))?
            }
        };
        let world = self.link(&component).map_err(|err| CompileError::BadModule(format!("{err:#}")))?;
        Ok(self.keep(digest, Module { world }))
    }

    fn loaded(&self, digest: &str) -> Option<Arc<Module>> {
        self.loaded.lock().get(digest).and_then(Weak::upgrade)
    }

    /// Of two that were loaded at once, the first stays.
    fn keep(&self, digest: &str, module: Module) -> Arc<Module> {
        let mut loaded = self.loaded.lock();
        if let Some(module) = loaded.get(digest).and_then(Weak::upgrade) {
            return module;
        }
        loaded.retain(|_, module| module.strong_count() > 0);
        let module = Arc::new(module);
        loaded.insert(digest.to_owned(), Arc::downgrade(&module));
        module
    }

    fn link(&self, component: &Component) -> wasmtime::Result<World> {
        let pre: InstancePre<State> = self.linker.instantiate_pre(component)?;
        let ty = component.component_type();
        let serves = ty.exports(&self.engine).any(|(name, _)| name.starts_with(HTTP_EXPORT));
        if serves { ProxyPre::new(pre).map(World::Server) } else { CommandPre::new(pre).map(World::Command) }
    }
}

#[expect(unsafe_code, reason = "mapping machine code is the point of an artifact")]
fn load(engine: &Engine, artifact: &Path) -> wasmtime::Result<Component> {
    // JUSTIFICATION: only a mapped file shares code between programs and processes and costs no private memory.
    // SAFETY: the file was written by our own compile child, from a module and for this engine version; it was renamed
    // into place read-only in a directory that only this program writes, and nothing ever writes to it again. Artifacts
    // never come from an image or a user.
    unsafe { Component::deserialize_file(engine, artifact) }
}
