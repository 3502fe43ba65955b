//! Plays each example's README as a user would: real kubectl, real server, real sockets.
//!
//! # Flow
//! In a README's `console` blocks a line `$ command` is run by bash and the lines below it are what it must print.
//! `…` in such a line stands for any text, a line that is only `…` for any lines. One server serves all READMEs, one
//! after the other, once per kubectl; a README ends by deleting what it made.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::registry::Registry;
use crate::script::{matches, steps};

/// How long the server may take until it answers.
const START_SECONDS_MAX: u64 = 30;
/// How long one command may take.
const COMMAND_SECONDS_MAX: u32 = 120;

/// What was asked for.
struct Options {
    coracle: PathBuf,
    kubectls: Vec<PathBuf>,
    registry: Option<PathBuf>,
    names: Vec<String>,
}

/// Runs `cargo xtask e2e`.
///
/// # Errors
/// When a README does not do what it says, or nothing could be run.
pub(crate) fn run(root: &Path, arguments: impl Iterator<Item = String>) -> Result<()> {
    let options = Options::parse(root, arguments)?;
    crate::guests::build(root)?;
    let (mut passed, mut failed) = (0, 0);
    for kubectl in &options.kubectls {
        let server = Server::start(&options.coracle, kubectl, options.registry.as_deref())?;
        for readme in readmes(root, &options.names)? {
            if server.registry.is_none() && fs::read_to_string(&readme)?.contains("$REGISTRY") {
                println!("left out {}: it needs --registry", name(&readme));
                continue;
            }
            match play(root, &readme, &server) {
                Ok(steps) => {
                    passed += 1;
                    println!("ok    {} ({steps} commands) with {}", name(&readme), kubectl.display());
                }
                Err(fault) => {
                    failed += 1;
                    println!("FAIL  {} with {}\n{fault:#}", name(&readme), kubectl.display());
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 || passed == 0 {
        bail!("{failed} of {} READMEs do not do what they say", passed + failed);
    }
    Ok(())
}

// === impl Options ===

impl Options {
    fn parse(root: &Path, mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let mut options =
            Options { coracle: root.join("target/release/coracle"), kubectls: vec![], registry: None, names: vec![] };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--coracle" => options.coracle = arguments.next().context("--coracle needs a path")?.into(),
                "--kubectl" => options.kubectls.push(arguments.next().context("--kubectl needs a path")?.into()),
                "--registry" => options.registry = Some(arguments.next().context("--registry needs a path")?.into()),
                name => options.names.push(name.to_owned()),
            }
        }
        if options.kubectls.is_empty() {
            options.kubectls.push("kubectl".into());
        }
        Ok(options)
    }
}

// === the server ===

/// A server of this run, with a folder of its own. It ends with the value.
struct Server {
    child: Child,
    directory: PathBuf,
    /// Where examples push to.
    registry: Option<Registry>,
}

impl Server {
    fn start(coracle: &Path, kubectl: &Path, registry: Option<&Path>) -> Result<Server> {
        let directory = std::env::temp_dir().join(format!("coracle-e2e-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("bin"))?;
        for (program, link) in [(coracle, "coracle"), (kubectl, "kubectl")] {
            let program = which(program)?;
            std::os::unix::fs::symlink(&program, directory.join("bin").join(link))?;
        }
        let log = fs::File::create(directory.join("server.log"))?;
        let child = Command::new(coracle)
            .args(["server", "--https-listen", "127.0.0.1:0", "--pod-network", "loopback", "--data-dir"])
            .arg(directory.join("data"))
            .arg("--write-kubeconfig")
            .arg(directory.join("kubeconfig"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start `{}`", coracle.display()))?;
        let registry = registry.map(|program| Registry::start(program, &directory)).transpose()?;
        let server = Server { child, directory, registry };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while Instant::now() < deadline {
            if self.directory.join("kubeconfig").exists() {
                let (status, _) =
                    self.shell("kubectl get --raw /readyz && kubectl wait --for=condition=Ready node --all")?;
                if status {
                    return Ok(());
                }
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.directory.join("server.log")).unwrap_or_default();
        bail!("the server was not ready in {START_SECONDS_MAX} s:\n{log}")
    }

    /// Runs a command line as a user of this cluster; whether it succeeded, and what it printed.
    fn shell(&self, command: &str) -> Result<(bool, String)> {
        let path = format!("{}:{}", self.directory.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut child = Command::new("timeout")
            .arg(COMMAND_SECONDS_MAX.to_string())
            .args(["bash", "-o", "pipefail", "-c"])
            .arg(format!("exec 2>&1; {command}"))
            .env("PATH", path)
            .env("KUBECONFIG", self.directory.join("kubeconfig"))
            .env("HOME", &self.directory)
            .env("DATA_DIR", self.directory.join("data"))
            .env("REGISTRY", self.registry.as_ref().map_or("", |registry| &registry.host))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("run bash")?;
        let mut printed = String::new();
        child.stdout.take().expect("it is piped").read_to_string(&mut printed)?;
        Ok((child.wait()?.success(), printed))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The program's full path: a link must not depend on where it is read.
fn which(program: &Path) -> Result<PathBuf> {
    if program.components().count() > 1 {
        return fs::canonicalize(program).with_context(|| format!("find `{}`", program.display()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("find `{}` in PATH", program.display()))
}

// === READMEs ===

fn readmes(root: &Path, names: &[String]) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = fs::read_dir(root.join("examples"))
        .context("read examples/")?
        .filter_map(|entry| Some(entry.ok()?.path().join("README.md")))
        .filter(|readme| readme.is_file() && (names.is_empty() || names.contains(&name(readme))))
        .collect();
    found.sort();
    Ok(found)
}

/// The example's name.
fn name(readme: &Path) -> String {
    readme.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs every command of a README; how many there were.
fn play(root: &Path, readme: &Path, server: &Server) -> Result<usize> {
    let steps = steps(&fs::read_to_string(readme)?);
    if steps.is_empty() {
        bail!("`{}` has no `console` block with a command", readme.display());
    }
    for step in &steps {
        let (_, printed) = server.shell(&format!("cd '{}' && {{ {}\n}}", root.display(), step.command))?;
        let printed: Vec<&str> = printed.lines().collect();
        if !matches(&step.expected, &printed) {
            let indent = |lines: &[&str]| lines.iter().map(|line| format!("    {line}\n")).collect::<String>();
            let expected: Vec<&str> = step.expected.iter().map(String::as_str).collect();
            bail!(
                "  line {}: $ {}\n  expected\n{}  printed\n{}",
                step.line,
                step.command,
                indent(&expected),
                indent(&printed)
            );
        }
    }
    Ok(steps.len())
}
