//! Owns what all programs share: images, compiled code, engines, services; starts programs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::artifact::{Artifacts, CompileError};
use crate::command;
use crate::config::{AddressMapping, Config};
use crate::cpu::{CpuAccount, Shares, Ticker};
use crate::host::filesystem::tree::Tree;
use crate::http::serve;
use crate::image::{Entry, ImageError, ImageStore, Manifest};
use crate::instance::{Instance, Life};
use crate::log::{Log, Writer};
use crate::lookup::Lookups;
use crate::memory::MemoryAccount;
use crate::module::{self, Module, Modules};
use crate::network::{GroupNetwork, Services};
use crate::place::{Place, Unclaimed, programs_max};
use crate::program::Program;
use crate::spec::{Group, ServiceTable, Spec, StartError};

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

    /// Starts a program. When this returns, a command has a running instance and a server has a bound listener.
    ///
    /// # Errors
    /// See `StartError`. Cancellation safe: a program whose start nobody waits for any more is killed.
    pub async fn start(&self, spec: Spec) -> Result<Instance, StartError> {
        let place = Place::take(&self.live, self.programs_max, self.ticker.running())?;
        let manifest = self.manifest(&spec.image)?;
        let path = choose_module(&manifest, &spec.args)?;
        let module = self.module(&manifest, &path).await?;
        let log = self.log(&spec).await?;
        let address = SocketAddr::new(spec.group.ip, spec.http_port);
        let program = Arc::new(self.program(spec, &manifest, path, Arc::clone(&module), log, place));
        let unclaimed = Unclaimed::new(Arc::clone(&program.life));
        match &module.entry {
            module::Entry::Command(pre) => command::start(program, pre.clone()).await?,
            module::Entry::Server(pre) => serve::start(program, pre.clone(), address).await?,
        }
        Ok(unclaimed.claim())
    }

    fn manifest(&self, image: &str) -> Result<Manifest, StartError> {
        let failed = |source: ImageError| StartError::Failed {
            operation: format!("read image `{image}`"),
            source: source.into(),
        };
        let found = self.images.resolve(image).map_err(failed)?;
        let found = found.ok_or_else(|| StartError::NoImage(image.to_owned()))?;
        self.images.manifest(&found.id).map_err(failed)
    }

    /// The files that a program sees of its image; a module alone is not worth a file system.
    fn image_files(&self, manifest: &Manifest) -> BTreeMap<String, PathBuf> {
        if manifest.files.values().all(|entry| entry.wasm) {
            return BTreeMap::new();
        }
        let blob = |(path, entry): (&String, &Entry)| (path.clone(), self.images.blob_path(&entry.digest));
        manifest.files.iter().map(blob).collect()
    }

    async fn module(&self, manifest: &Manifest, path: &str) -> Result<Arc<Module>, StartError> {
        let entry = manifest.files.get(path).ok_or_else(|| StartError::NoModule(path.to_owned()))?;
        let module = self.modules.get(&entry.digest, &self.images.blob_path(&entry.digest)).await;
        module.map_err(|err| match err {
            CompileError::BadModule(reason) => StartError::BadModule { module: path.to_owned(), reason },
            CompileError::Failed(_) => {
                StartError::Failed { operation: format!("compile module `{path}`"), source: err.into() }
            }
        })
    }

    async fn log(&self, spec: &Spec) -> Result<Arc<Log>, StartError> {
        let log = Log::create(spec.log_path.clone(), Arc::clone(&self.logs)).await;
        log.map_err(|err| StartError::Failed {
            operation: format!("create log file `{}`", spec.log_path.display()),
            source: err.into(),
        })
    }

    fn network(&self, group: Arc<Group>) -> GroupNetwork {
        GroupNetwork::new(group, self.mapping, Arc::clone(&self.services), Arc::clone(&self.lookups))
    }

    fn program(
        &self,
        spec: Spec,
        manifest: &Manifest,
        path: String,
        module: Arc<Module>,
        log: Arc<Log>,
        place: Place,
    ) -> Program {
        let memory = MemoryAccount::new(spec.memory_bytes_max);
        let cpu = CpuAccount::new(spec.cpu_millis_max, spec.cpu_shares, Arc::clone(&self.shares));
        let files = self.image_files(manifest);
        let mut env = manifest.env.clone();
        for (name, value) in spec.env {
            env.retain(|(other, _)| *other != name);
            env.push((name, value));
        }
        let args = if spec.args.is_empty() { default_args(manifest, path) } else { spec.args };
        Program {
            life: Arc::new(Life::new(spec.id, memory, cpu)),
            module,
            args,
            env,
            tree: Tree::new(spec.mounts, files).map(Arc::new),
            network: Arc::new(self.network(spec.group)),
            log,
            running: self.ticker.running(),
            _place: place,
        }
    }
}

/// Which module argv means: the one that its first word names, else the entrypoint, else the only one.
fn choose_module(manifest: &Manifest, args: &[String]) -> Result<String, StartError> {
    let is_module = |path: &String| manifest.files.get(path).is_some_and(|entry| entry.wasm);
    let absolute = |word: &String| if word.starts_with('/') { word.clone() } else { format!("/{word}") };
    if let Some(named) = args.first().map(absolute).filter(&is_module) {
        return Ok(named);
    }
    if let Some(entrypoint) = manifest.entrypoint.first().map(absolute) {
        return if is_module(&entrypoint) { Ok(entrypoint) } else { Err(StartError::NoModule(entrypoint)) };
    }
    let mut modules = manifest.files.iter().filter(|(_, entry)| entry.wasm).map(|(path, _)| path);
    match (modules.next(), modules.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) | (None, _) => {
            let word = args.first().cloned().unwrap_or_default();
            Err(StartError::NoModule(format!("`{word}` is none of the image's modules, and it has no entrypoint")))
        }
    }
}

/// The image's own words, of which the first is at least the module's name.
fn default_args(manifest: &Manifest, path: String) -> Vec<String> {
    let rest = manifest.entrypoint.iter().skip(1).chain(&manifest.cmd);
    std::iter::once(path).chain(rest.cloned()).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn manifest(paths: &[&str], entrypoint: &[&str]) -> Manifest {
        let entry = |path: &str| Entry { digest: String::new(), size_bytes: 0, wasm: path.ends_with(".wasm") };
        Manifest {
            files: paths.iter().map(|path| ((*path).to_owned(), entry(path))).collect::<BTreeMap<_, _>>(),
            entrypoint: entrypoint.iter().map(|word| (*word).to_owned()).collect(),
            ..Manifest::default()
        }
    }

    #[test]
    fn argv_chooses_the_module() {
        let both = ["/a.wasm", "/b.wasm", "/c.txt"];
        for (paths, entrypoint, args, chosen) in [
            (&["/a.wasm"][..], &[][..], &[][..], "/a.wasm"),
            (&["/a.wasm"], &[], &["serve"], "/a.wasm"),
            (&both, &["/b.wasm"], &["/a.wasm", "x"], "/a.wasm"),
            (&both, &["/b.wasm"], &["a.wasm"], "/a.wasm"),
            (&both, &["b.wasm"], &["/c.txt"], "/b.wasm"),
        ] {
            let args: Vec<String> = args.iter().map(|word: &&str| (*word).to_owned()).collect();
            assert_eq!(choose_module(&manifest(paths, entrypoint), &args).unwrap(), chosen, "{args:?}");
        }
        assert!(matches!(choose_module(&manifest(&both, &[]), &[]), Err(StartError::NoModule(_))));
        assert!(matches!(choose_module(&manifest(&both, &["/c.txt"]), &[]), Err(StartError::NoModule(_))));
    }
}
