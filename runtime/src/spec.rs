//! What a caller says of a program to run, and what it hears of it: the seam between the runtime and whoever drives it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::image::ImageFiles;

/// What the programs of one group share: an address, a name space for names, a memory limit.
#[derive(Clone, Debug)]
pub struct Group {
    /// Unique among live groups.
    pub id: String,
    /// The address that its programs bind when they bind 0.0.0.0.
    pub ip: IpAddr,
    /// Names without dots are looked up as `<name>.<namespace>` first.
    pub namespace: String,
    /// What the programs see as their host's name.
    pub hostname: String,
}

/// One program to run.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Unique among live instances.
    pub id: String,
    /// The group it belongs to.
    pub group: Arc<Group>,
    /// The image's id, as `ImageStore::resolve` answered it.
    pub image: String,
    /// argv. If its first word is the path of a module in the image, that module runs; otherwise the image's entrypoint
    /// or only module runs with argv unchanged; an empty argv becomes the module's name.
    pub args: Vec<String>,
    /// In order; later ones win.
    pub env: Vec<(String, String)>,
    /// The whole of its file system.
    pub mounts: Vec<Mount>,
    /// Sum over its memories, tables and host buffers. `None` is bounded only by the engine.
    pub memory_bytes_max: Option<u64>,
    /// Thousandths of a core; `None` is unlimited.
    pub cpu_millis_max: Option<u32>,
    /// Share under contention, from the CPU request; 2 to 262144 as in cgroup v1 `cpu.shares`.
    pub cpu_shares: u32,
    /// Where a `wasi:http` component listens, on the group's address.
    pub http_port: u16,
    /// The CRI log file that its output is appended to.
    pub log_path: Option<PathBuf>,
}

/// A directory or file in a program's file system.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Absolute path in the program's view.
    pub path: String,
    /// What is there.
    pub source: MountSource,
    /// Writes fail with `read-only`.
    pub read_only: bool,
}

/// Where the contents of a mount come from.
#[derive(Clone, Debug)]
pub enum MountSource {
    /// Files kept in memory, by path relative to the mount; who shares the set may replace them.
    Files(Arc<FileSet>),
    /// A directory or file of the host.
    Host(PathBuf),
    /// Files of an image, which are read-only.
    Image(ImageFiles),
}

/// Files kept in memory. They are replaced as a whole, so that a program never sees half of a change; a file that it
/// has open stays as it was.
#[derive(Debug, Default)]
pub struct FileSet {
    files: Mutex<Arc<HashMap<String, File>>>,
}

impl FileSet {
    /// The files as they are now, by path relative to the mount. A set that is one file has it under the empty path.
    pub fn files(&self) -> Arc<HashMap<String, File>> {
        Arc::clone(&self.files.lock())
    }

    /// From now on these are the files.
    pub fn replace(&self, files: HashMap<String, File>) {
        *self.files.lock() = Arc::new(files);
    }
}

impl From<HashMap<String, File>> for FileSet {
    fn from(files: HashMap<String, File>) -> Self {
        Self { files: Mutex::new(Arc::new(files)) }
    }
}

/// A file kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its contents.
    pub data: Bytes,
    /// Permission bits.
    pub mode: u32,
}

/// Which of its outputs a program wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// 0 to 255; 137 when killed. A server that was asked to stop and finished what was under way ended with 0, a command
    /// that was asked to stop with 143.
    ///
    /// `wasi:cli/exit.exit` says only success or failure, and the libc of WASI 0.2 calls it for every `exit(n)`: 0 stays
    /// 0, anything else arrives as 1. So it is for modules of preview 1, which the preview 1 adapter leads there. A
    /// component that needs its code kept calls `wasi:cli/exit.exit-with-code`.
    pub code: i32,
    /// Why.
    pub reason: ExitReason,
    /// For people, the cause first: what trapped and then where, or the limit after running out of memory.
    pub message: String,
}

/// Why a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It returned 0, or had nothing left to do when it was asked to stop.
    Completed,
    /// It returned something else, or trapped.
    Error,
    /// It wanted more memory than its limit.
    OutOfMemory,
    /// It was killed, or asked to stop with no way to hear it.
    Stopped,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The image is not in the store.
    #[error("image `{0}` is not present")]
    NoImage(String),
    /// The image has no module that argv could mean.
    #[error("no such module: {0}")]
    NoModule(String),
    /// The module is not WebAssembly, or asks for imports that this runtime does not have.
    #[error("module `{module}` cannot run: {reason}")]
    BadModule {
        /// Its path in the image.
        module: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The program that a command was meant for has ended.
    #[error("program `{0}` does not run")]
    Ended(String),
    /// The machine has no room for it.
    #[error("out of resources: {0}")]
    Exhausted(String),
    /// The address is taken.
    #[error("listen on `{address}`")]
    Listen {
        /// Group address and port.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A disk or the engine failed.
    #[error("{operation}")]
    Failed {
        /// What was being done.
        operation: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a program uses now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// CPU time used since it started, in nanoseconds.
    pub cpu_nanos: u64,
    /// Linear memories and tables, in bytes.
    pub memory_bytes: u64,
}

/// Where service addresses and names lead; swapped as a whole when Services or their endpoints change.
#[derive(Clone, Debug, Default)]
pub struct ServiceTable {
    /// TCP: cluster address and port to the addresses behind it. Empty means `connection-refused`.
    pub tcp: HashMap<SocketAddr, Arc<[SocketAddr]>>,
    /// UDP, likewise.
    pub udp: HashMap<SocketAddr, Arc<[SocketAddr]>>,
    /// Fully qualified names without the cluster domain (`web.default`, `web-0.web.default`) to addresses.
    pub names: HashMap<String, Arc<[IpAddr]>>,
}
