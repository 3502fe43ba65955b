//! What was said on the command line. What it means is `config`'s business.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "node")]
use crate::compare::report::{Runtime, Workload};
use crate::log::Level;

/// Kubernetes for WebAssembly pods, in one small process.
#[derive(Debug, Parser)]
#[command(name = "coracle", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// Print more: -v for decisions, -vv for the wire.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a cluster: API server, controllers, scheduler and a node, all in this process.
    Server(Server),
    /// Serve CRI on a unix socket: Wasm pods for a kubelet, crictl or critest, in place of containerd.
    Cri(Cri),
    /// Start a cluster in a temporary directory, deploy a Wasm pod and call it.
    Demo(Demo),
    /// Work with the images of this machine's node.
    Image(Image),
    /// Measure what a pod costs as a container (containerd with runc) and as a component, on this machine.
    #[cfg(feature = "node")]
    Compare(Compare),
    /// Print where this host reaches an address of the cluster, for curl and the like.
    Address(Address),
    /// Compile a module for this machine; the node runs this in a child process.
    #[command(hide = true)]
    Compile(Compile),
}

// === impl Command ===

impl Command {
    /// How much is logged without any `-v`.
    pub(crate) fn log_level(&self) -> Level {
        match self {
            Command::Server(_) | Command::Cri(_) => Level::Info,
            #[cfg(feature = "node")]
            Command::Compare(_) => Level::Warn,
            Command::Demo(_) | Command::Image(_) | Command::Address(_) | Command::Compile(_) => Level::Warn,
        }
    }
}

/// `coracle server`
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Where the cluster keeps everything: objects, keys, images, logs.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/coracle")]
    pub data_dir: PathBuf,
    /// Where the Kubernetes API listens.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:6443")]
    pub https_listen: SocketAddr,
    /// Write a kubeconfig with full rights here as well as to DATA_DIR/admin.kubeconfig.
    #[arg(long, value_name = "FILE")]
    pub write_kubeconfig: Option<PathBuf>,
    /// The name of this machine's Node [default: the host's name].
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// Addresses for pods; every node gets a /18 of it.
    #[arg(long, value_name = "CIDR", default_value = "10.42.0.0/16")]
    pub cluster_cidr: String,
    /// Addresses for Services.
    #[arg(long, value_name = "CIDR", default_value = "10.96.0.0/16")]
    pub service_cidr: String,
    /// Leave out parts, so that others can take their place.
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub disable: Vec<Part>,
    /// How this host binds the addresses of pods and Services.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub pod_network: PodNetwork,
    /// Keep all objects in memory: nothing survives a restart.
    #[arg(long)]
    pub in_memory: bool,
    /// A file of `token,user,uid,"group,group"` lines, as kube-apiserver's --token-auth-file.
    #[arg(long, value_name = "FILE")]
    pub token_auth_file: Option<PathBuf>,
    /// Serve CRI on this unix socket too, for crictl: it shows the pods that this node runs.
    #[arg(long, value_name = "PATH")]
    pub cri_socket: Option<PathBuf>,
    /// Mirrors of registries, credentials and trust for them: k3s' registries.yaml [default: DATA_DIR/registries.yaml if it is there].
    #[arg(long, value_name = "FILE")]
    pub registries: Option<PathBuf>,
}

/// `coracle cri`
///
/// Give the socket to a kubelet as --container-runtime-endpoint=unix://PATH, or to crictl as --runtime-endpoint. Images
/// come from their registries, or from `coracle image import --data-dir DIR`. Sandboxes and containers are remembered across restarts; their
/// programs end with this process.
#[derive(Debug, Args)]
pub(crate) struct Cri {
    /// Where CRI is served. Only this user may open it.
    #[arg(long, value_name = "PATH", default_value = "/run/coracle/cri.sock")]
    pub socket: PathBuf,
    /// Where images, compiled code and what a restart must not forget are kept.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/coracle-cri")]
    pub root: PathBuf,
    /// Addresses for pods, of which a node gives up to 65,000.
    #[arg(long, value_name = "CIDR", default_value = "10.88.0.0/16")]
    pub pod_cidr: String,
    /// Mirrors of registries, credentials and trust: k3s' registries.yaml [default: ROOT/registries.yaml if it is there].
    #[arg(long, value_name = "FILE")]
    pub registries: Option<PathBuf>,
    /// How this host binds the addresses of pods. A kubelet can probe pods only with `auto` and CAP_NET_ADMIN.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub pod_network: PodNetwork,
}

/// How this host binds the addresses of pods and Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PodNetwork {
    /// As they are if a local route can be added for them (needs CAP_NET_ADMIN), else as twins.
    Auto,
    /// As twins in 127/8, which need no privilege; pods notice nothing.
    Loopback,
}

/// A part of `coracle server` that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The controllers.
    Controllers,
    /// The scheduler.
    Scheduler,
    /// The node agent and the runtime.
    Node,
}

/// `coracle demo`
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where the Kubernetes API listens; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub https_listen: SocketAddr,
    /// Keep the cluster running until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
}

/// `coracle compare`
///
/// Runs the same Rust program in N pods of each, through the same CRI calls, and reports what is fixed and what each pod
/// adds: memory counted in three ways, the kernel's part, disk, times and requests. benches/compare/README.md has the method.
/// It installs nothing and leaves nothing behind; containers need root, and are shown as recorded elsewhere where they cannot run.
#[cfg(feature = "node")]
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Numbers of pods.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [0, 1, 10, 25, 50, 100])]
    pub counts: Vec<u32>,
    /// How often each number is measured, in random order.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub rounds: u32,
    /// How long everything is left alone before it is read.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub settle: u64,
    /// What the pods run.
    #[arg(long = "workload", value_name = "WORKLOAD", value_delimiter = ',', default_value = "hello")]
    pub workloads: Vec<Workload>,
    /// Measure one runtime alone.
    #[arg(long, value_name = "RUNTIME")]
    pub only: Option<Runtime>,
    /// Write everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw it into this file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Measure nothing: show what an earlier run wrote with --json.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// The static Linux program [default: built with cargo from the source in this binary].
    #[arg(long, value_name = "FILE")]
    pub linux: Option<PathBuf>,
    /// The component [default: the one in this binary, built from the same source].
    #[arg(long, value_name = "FILE")]
    pub wasm: Option<PathBuf>,
    /// Look here first for containerd, runc and their parts.
    #[arg(long, value_name = "DIR")]
    pub bin_dir: Option<PathBuf>,
    /// How containerd lays out images: overlayfs or native.
    #[arg(long, value_name = "NAME", default_value = "overlayfs")]
    pub snapshotter: String,
    /// Where a folder for everything is made, and removed in the end [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Do not drop the system's caches for a second reading.
    #[arg(long)]
    pub keep_caches: bool,
    /// Repeat the order of an earlier run.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Measure another build of coracle.
    #[arg(long, value_name = "FILE", hide = true)]
    pub program: Option<PathBuf>,
}

/// `coracle image`
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// The data directory of the server whose images these are.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/coracle", global = true)]
    pub data_dir: PathBuf,
    /// What to do with them.
    #[command(subcommand)]
    pub command: ImageCommand,
}

/// The commands of `coracle image`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Give a WebAssembly file an image name on this node.
    Import {
        /// A component, or a core module for WASI preview 1.
        file: PathBuf,
        /// The image's name: example.com/web:v1.
        reference: String,
    },
    /// Fetch an image from its registry.
    Pull(PullArguments),
    /// List the images of this node.
    #[command(visible_alias = "list")]
    Ls,
    /// Forget images with all their names.
    #[command(visible_alias = "remove")]
    Rm {
        /// Names or ids, of which the first characters are enough.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

/// `coracle image pull`
#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    /// The image's name: ghcr.io/team/web:v1.
    pub reference: String,
    /// Who asks the registry.
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read the password, or a token in its place, from standard input.
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
    /// Mirrors and credentials, if no server runs: k3s' registries.yaml [default: DATA_DIR/registries.yaml if it is there].
    #[arg(long, value_name = "FILE")]
    pub registries: Option<PathBuf>,
}

/// `coracle address`
#[derive(Debug, Args)]
pub(crate) struct Address {
    /// The data directory of the server.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/coracle")]
    pub data_dir: PathBuf,
    /// A pod's or Service's address and port: 10.96.0.1:443.
    pub address: SocketAddr,
}

/// `coracle compile`
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// Handed to the runtime as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<std::ffi::OsString>,
}
