//! A runtime in a temporary directory with every guest imported: what each test arranges.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use runtime::{AddressMapping, Config, Exit, Group, Instance, Runtime, Spec};

#[path = "../../../xtask/src/guests.rs"]
mod guests;

/// Tests of one process share the kernel's ports, so each node has a network of its own in 127/8.
static NEXT_NETWORK: AtomicU8 = AtomicU8::new(100);

/// A test hangs no longer than this.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) dir: tempfile::TempDir,
    second: u8,
}

pub(crate) fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    BUILT.get_or_init(|| guests::build(root).unwrap());
    root.join("target/guests").join(format!("{name}.wasm"))
}

/// Where artifacts outlive a test, so that each guest is compiled once and not by every test.
fn artifact_cache() -> PathBuf {
    let cache = guest("actor").parent().unwrap().join("artifacts");
    std::fs::create_dir_all(&cache).unwrap();
    cache
}

/// Gives `to` the artifacts of `from` that it does not have.
fn link_artifacts(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|suffix| suffix == "cwasm") {
            // Another test may have been first.
            let _ = std::fs::hard_link(&path, to.join(path.file_name().unwrap()));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        link_artifacts(&self.dir.path().join("artifacts"), &artifact_cache());
    }
}

impl Node {
    pub(crate) fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = dir.path().join("artifacts");
        std::fs::create_dir_all(&artifacts).unwrap();
        link_artifacts(&artifact_cache(), &artifacts);
        let second = NEXT_NETWORK.fetch_add(1, Ordering::Relaxed);
        let runtime = Runtime::open(Config {
            data_dir: dir.path().to_owned(),
            compiler: vec![env!("CARGO_BIN_EXE_coracle-compile").into()],
            address_mapping: AddressMapping::Twin {
                network: Ipv4Addr::new(10, 42, 0, 0),
                prefix_len: 18,
                second,
                shift_low_ports: true,
            },
        });
        Self { runtime: runtime.unwrap(), dir, second }
    }

    pub(crate) fn import(&self, name: &str) -> String {
        self.runtime.images().import(name, &guest(name)).unwrap().id
    }

    pub(crate) fn import_wat(&self, name: &str, wat: &str) -> String {
        let path = self.dir.path().join(format!("{name}.wasm"));
        std::fs::write(&path, wat::parse_str(wat).unwrap()).unwrap();
        self.runtime.images().import(name, &path).unwrap().id
    }

    /// A group whose last byte of address is `host`.
    pub(crate) fn group(&self, host: u8) -> Arc<Group> {
        Arc::new(Group {
            id: format!("group-{host}"),
            ip: Ipv4Addr::new(10, 42, 0, host).into(),
            namespace: "default".to_owned(),
            hostname: format!("pod-{host}"),
        })
    }

    pub(crate) fn spec(&self, image: &str, args: &[&str]) -> Spec {
        static NEXT_ID: AtomicU8 = AtomicU8::new(0);
        let id = format!("program-{}", NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let words = std::iter::once("guest").chain(args.iter().copied());
        Spec {
            log_path: Some(self.dir.path().join("logs").join(format!("{id}.log"))),
            id,
            group: self.group(1),
            image: image.to_owned(),
            args: words.map(str::to_owned).collect(),
            env: Vec::new(),
            mounts: Vec::new(),
            memory_bytes_max: None,
            cpu_millis_max: None,
            cpu_shares: 2,
            http_port: 8080,
        }
    }

    /// Runs the actor to its end: how it ended and what it printed.
    pub(crate) async fn act(&self, args: &[&str]) -> (Exit, String) {
        let image = self.import("actor");
        self.run(self.spec(&image, args)).await
    }

    pub(crate) async fn run(&self, spec: Spec) -> (Exit, String) {
        let log = spec.log_path.clone().unwrap();
        let instance = self.runtime.start(spec).await.unwrap();
        let exit = ended(&instance).await;
        (exit, printed(&log))
    }

    /// Where the host reaches a group's address.
    pub(crate) fn host(&self, host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::new(127, self.second, 0, host).into(), port)
    }
}

pub(crate) async fn ended(instance: &Instance) -> Exit {
    tokio::time::timeout(PATIENCE, instance.wait()).await.expect("it ends in time")
}

/// The text of a CRI log file, without times, streams and tags.
pub(crate) fn printed(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().map(|line| line.splitn(4, ' ').nth(3).unwrap().to_owned() + "\n").collect()
}

/// Waits until the log has `text`.
pub(crate) async fn prints(log: &Path, text: &str) {
    let wait = async {
        while !printed(log).contains(text) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "`{text}` is not in: {}", printed(log));
}
