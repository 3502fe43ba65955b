//! Owns what all programs share: images, compiled code, engines, services; starts programs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::argv;
use crate::artifact::{Artifacts, CompileError};
use crate::command;
use crate::config::{AddressMapping, Config};
use crate::cpu::{CpuAccount, Shares, Ticker};
use crate::host::filesystem::tree::Tree;
use crate::http::serve;
use crate::image::{Entry, ImageError, ImageFiles, ImageStore, Manifest};
use crate::instance::{Instance, Life};
use crate::log::{Log, Writer};
use crate::lookup::Lookups;
use crate::memory::MemoryAccount;
use crate::module::{self, Module, Modules};
use crate::network::{GroupNetwork, Services};
use crate::place::{Place, Unclaimed, programs_max};
use crate::program::Program;
use crate::spec::{Group, ServiceTable, Spec, StartError};
use crate::stdio::{Stdio, Streams};

/// The runtime of one process.
#[derive(Debug)]
pub struct Runtime {
    images: Arc<ImageStore>,
    modules: Modules,
    services: Services,
    lookups: Arc<Lookups>,
    logs: Arc<Writer>,
    mapping: AddressMapping,
    ticker: Ticker,
    shares: Arc<Shares>,
    live: Arc<AtomicUsize>,
    programs_max: usize,
}

/// Why the runtime did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The image store did not open.
    #[error("open the image store")]
    Images(#[source] ImageError),
    /// The artifacts or a thread were refused by the system.
    #[error("{operation}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The engine refused its configuration.
    #[error("make the engine")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Runtime {
    /// Opens the stores under `config.data_dir`. Programs run on the tokio runtime that `start` is called on.
    ///
    /// # Errors
    /// The data directory is not writable or another process has it open.
    pub fn open(config: Config) -> Result<Arc<Self>, OpenError> {
        let io = |operation| move |source| OpenError::Io { operation, source };
        let images = ImageStore::open(&config.data_dir.join("images")).map_err(OpenError::Images)?;
        let artifacts = Artifacts::open(&config.data_dir.join("artifacts"), config.compiler);
        let artifacts = artifacts.map_err(io("open the artifacts"))?;
        let modules = Modules::new(artifacts).map_err(|err| OpenError::Engine(err.into()))?;
        let ticker = Ticker::start(&modules.engines()).map_err(io("start the epoch thread"))?;
        Ok(Arc::new(Self {
            images: Arc::new(images),
            modules,
            services: Arc::new(RwLock::default()),
            lookups: Arc::default(),
            logs: Writer::start().map_err(io("start the thread of logs"))?,
            mapping: config.address_mapping,
            ticker,
            shares: Arc::default(),
            live: Arc::default(),
            programs_max: programs_max(),
        }))
    }

    /// The images that programs start from.
    pub fn images(&self) -> &Arc<ImageStore> {
        &self.images
    }

    /// The directory that holds what was compiled from the images.
    pub fn artifacts_dir(&self) -> &Path {
        self.modules.artifacts_dir()
    }

    /// Replaces where service addresses and names lead, for running programs too.
    pub fn set_services(&self, table: ServiceTable) {
        *self.services.write() = Arc::new(table);
    }

    /// How many programs may run at once, from the kernel's bound on mappings.
    pub fn programs_max(&self) -> usize {
        self.programs_max
    }

    /// How many programs run now.
    pub fn programs(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Where the host reaches what programs know as `address`: for probes and proxies.
    pub fn host_address(&self, address: SocketAddr) -> SocketAddr {
        self.mapping.host_address(address)
    }

    /// Compiles every module of an image, so that the first start from it need not wait.
    ///
    /// # Errors
    /// See `StartError`; modules before the one that failed are compiled. Cancellation safe.
    pub async fn prepare(&self, image: &str) -> Result<(), StartError> {
        let manifest = self.manifest(image)?;
        for (path, _) in manifest.files.iter().filter(|(_, entry)| entry.wasm) {
            self.module(&manifest, path).await?;
        }
        Ok(())
    }

    /// Starts a program whose input is closed. When this returns, a command has a running instance and a server has a bound listener.
    ///
    /// # Errors
    /// See `StartError`. Cancellation safe: a program whose start nobody waits for any more is killed.
    pub async fn start(&self, spec: Spec) -> Result<Instance, StartError> {
        self.start_with(spec, Stdio::default()).await
    }

    /// Starts a program with streams of its own.
    ///
    /// # Errors
    /// As `start`.
    pub async fn start_with(&self, spec: Spec, stdio: Stdio) -> Result<Instance, StartError> {
        let place = self.place()?;
        let manifest = self.manifest(&spec.image)?;
        let path = argv::of_program(&manifest, &spec.args, &env(&manifest, &spec))?;
        let module = self.module(&manifest, &path).await?;
        let streams = Streams::new(self.log(&spec).await?, stdio);
        let address = SocketAddr::new(spec.group.ip, spec.http_port);
        let program = Arc::new(self.program(spec, &manifest, path, Arc::clone(&module), streams, place));
        let unclaimed = Unclaimed::new(&program);
        match &module.world {
            module::World::Command(pre) => command::start(program, pre.clone()).await?,
            module::World::Server(pre) => serve::start(program, pre.clone(), address).await?,
        }
        Ok(unclaimed.claim())
    }

    pub(crate) fn place(&self) -> Result<Place, StartError> {
        Place::take(&self.live, self.programs_max, self.ticker.running())
    }

    pub(crate) fn manifest(&self, image: &str) -> Result<Arc<Manifest>, StartError> {
        let failed = |source: ImageError| StartError::Failed {
            operation: format!("read image `{image}`"),
            source: source.into(),
        };
        let found = self.images.resolve(image).map_err(failed)?;
        let found = found.ok_or_else(|| StartError::NoImage(image.to_owned()))?;
        self.images.shared_manifest(&found.id).map_err(failed)
    }

    /// The files that a program sees of its image; a module alone is not worth a file system.
    fn image_files(&self, manifest: &Arc<Manifest>) -> Option<ImageFiles> {
        let all = || ImageFiles::new(Arc::clone(&self.images), Arc::clone(manifest));
        (manifest.files.len() > 1).then(all)
    }

    pub(crate) async fn module(&self, manifest: &Manifest, path: &str) -> Result<Arc<Module>, StartError> {
        let entry = manifest.files.get(path).ok_or_else(|| StartError::NoModule(path.to_owned()))?;
        self.module_of(entry, &self.images.blob_path(&entry.digest), path).await
    }

    /// The module whose contents are at `blob`; `path` is how people know it.
    pub(crate) async fn module_of(&self, entry: &Entry, blob: &Path, path: &str) -> Result<Arc<Module>, StartError> {
        let module = self.modules.get(&entry.digest, blob).await;
        module.map_err(|err| match err {
            CompileError::BadModule(reason) => StartError::BadModule { module: path.to_owned(), reason },
            CompileError::Failed(_) => {
                StartError::Failed { operation: format!("compile module `{path}`"), source: err.into() }
            }
        })
    }

    async fn log(&self, spec: &Spec) -> Result<Option<Arc<Log>>, StartError> {
        let Some(path) = &spec.log_path else { return Ok(None) };
        let log = Log::create(path.clone(), Arc::clone(&self.logs)).await;
        log.map(Some).map_err(|err| StartError::Failed {
            operation: format!("create log file `{}`", path.display()),
            source: err.into(),
        })
    }

    fn network(&self, group: Arc<Group>) -> GroupNetwork {
        GroupNetwork::new(group, self.mapping, Arc::clone(&self.services), Arc::clone(&self.lookups))
    }

    fn program(
        &self,
        spec: Spec,
        manifest: &Arc<Manifest>,
        path: String,
        module: Arc<Module>,
        streams: Streams,
        place: Place,
    ) -> Program {
        let memory = Arc::new(MemoryAccount::new(spec.memory_bytes_max));
        let cpu = Arc::new(CpuAccount::new(spec.cpu_millis_max, spec.cpu_shares, Arc::clone(&self.shares)));
        let files = self.image_files(manifest);
        let env = env(manifest, &spec);
        let args = if spec.args.is_empty() { default_args(manifest, path) } else { spec.args };
        Program {
            image: spec.image,
            life: Arc::new(Life::new(spec.id, memory, cpu)),
            module,
            args,
            env,
            tree: Tree::new(spec.mounts, files).map(Arc::new),
            network: Arc::new(self.network(spec.group)),
            streams: Arc::new(streams),
            running: self.ticker.running(),
            _place: place,
        }
    }
}

/// The image's environment, with the spec's over it.
fn env(manifest: &Manifest, spec: &Spec) -> Vec<(String, String)> {
    let mut env = manifest.env.clone();
    for (name, value) in &spec.env {
        env.retain(|(other, _)| other != name);
        env.push((name.clone(), value.clone()));
    }
    env
}

/// The image's own words, of which the first is at least the module's name.
fn default_args(manifest: &Manifest, path: String) -> Vec<String> {
    let rest = manifest.entrypoint.iter().skip(1).chain(&manifest.cmd);
    std::iter::once(path).chain(rest.cloned()).collect()
}
