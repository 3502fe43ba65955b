//! Runs upstream's critest against `coracle cri` with our own images, and compares with `docs/critest.md`.
//!
//! # Flow
//! The task starts itself again in namespaces of its own for the network and for mounts, so that pods have their real
//! addresses and nothing of it reaches the host. There: a registry on loopback with the images that the specs name,
//! `coracle cri` with mirrors that lead to it, critest with a report.

mod images;
mod listing;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::registry::Registry;

const START_SECONDS_MAX: u64 = 30;
/// Where the list is.
const DOCUMENT: &str = "docs/critest.md";
/// Says that the namespaces are there.
const INSIDE: &str = "--inside";

/// What was asked for.
struct Options {
    coracle: PathBuf,
    critest: PathBuf,
    registry: PathBuf,
    inside: bool,
    /// For critest itself.
    rest: Vec<String>,
}

/// Runs `cargo xtask critest`.
///
/// # Errors
/// Something does not start, or a spec does not do what the documentation says.
pub(crate) fn run(root: &Path, arguments: impl Iterator<Item = String>) -> Result<()> {
    let arguments: Vec<String> = arguments.collect();
    let options = Options::parse(root, arguments.iter().cloned())?;
    if !options.inside {
        crate::guests::build(root)?;
        return enter(&arguments);
    }
    let directory = std::env::temp_dir().join(format!("coracle-critest-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    let registry = Registry::start_open(&options.registry, &directory)?;
    images::publish(root, &registry.host)?;
    let server = Server::start(&options.coracle, &directory, &registry.host)?;
    let reported = critest(&options, &server, &directory)?;
    drop(server);
    println!("{}; reports and logs are in {}", listing::counts(&reported), directory.display());
    if !options.rest.is_empty() {
        return Ok(());
    }
    compare(root, &reported)
}

fn compare(root: &Path, reported: &listing::Listing) -> Result<()> {
    let document = fs::read_to_string(root.join(DOCUMENT)).with_context(|| format!("read `{DOCUMENT}`"))?;
    let mut found = listing::differences(&listing::documented(&document), reported);
    let counts = listing::counts(reported);
    if !document.contains(&counts) {
        found.push(format!("`{DOCUMENT}` does not say: {counts}"));
    }
    ensure!(found.is_empty(), "{} differences from `{DOCUMENT}`\n{}", found.len(), found.join("\n"));
    println!("as {DOCUMENT} says");
    Ok(())
}

// === impl Options ===

impl Options {
    fn parse(root: &Path, mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options {
            coracle: root.join("target/release/coracle"),
            critest: "critest".into(),
            registry: "registry".into(),
            inside: false,
            rest: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut path = || arguments.next().map(PathBuf::from).with_context(|| format!("{argument} needs a path"));
            match argument.as_str() {
                "--coracle" => options.coracle = path()?,
                "--critest" => options.critest = path()?,
                "--registry" => options.registry = path()?,
                INSIDE => options.inside = true,
                "--" => options.rest = arguments.by_ref().collect(),
                other => bail!("no such option: {other}"),
            }
        }
        Ok(options)
    }
}

/// Goes on in namespaces of its own; never comes back.
fn enter(arguments: &[String]) -> Result<()> {
    let this = std::env::current_exe().context("find this program")?;
    let up = "ip link set lo up && exec \"$0\" critest --inside \"$@\"";
    let failure = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private", "--", "sh", "-c", up])
        .arg(this)
        .args(arguments)
        .exec();
    Err(failure).context("start `unshare`, of util-linux, as root")
}

/// `coracle cri` in a folder of this run. It ends with the value.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start(coracle: &Path, directory: &Path, registry: &str) -> Result<Server> {
        let (socket, registries) = (directory.join("cri.sock"), directory.join("registries.yaml"));
        let mirrors = images::HOSTS.map(|host| format!("  {host}: {{endpoint: [\"http://{registry}\"]}}\n"));
        fs::write(&registries, format!("mirrors:\n{}", mirrors.concat()))?;
        let log = fs::File::create(directory.join("coracle.log"))?;
        let child = Command::new(coracle)
            .arg("cri")
            .arg("--socket")
            .arg(&socket)
            .arg("--root")
            .arg(directory.join("root"))
            .arg("--registries")
            .arg(&registries)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start `{}`", coracle.display()))?;
        let server = Server { child, endpoint: format!("unix://{}", socket.display()) };
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !socket.exists() {
            ensure!(Instant::now() < deadline, "`coracle cri` did not answer in {START_SECONDS_MAX} s");
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn critest(options: &Options, server: &Server, directory: &Path) -> Result<listing::Listing> {
    let report = directory.join("report.json");
    let log = fs::File::create(directory.join("critest.log"))?;
    // How many specs fail is not the question: the report says it of each.
    Command::new(&options.critest)
        .args(["--runtime-endpoint", &server.endpoint, "--ginkgo.no-color", "--ginkgo.json-report"])
        .arg(&report)
        .args(&options.rest)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .with_context(|| format!("start `{}`", options.critest.display()))?;
    listing::reported(&report)
}
