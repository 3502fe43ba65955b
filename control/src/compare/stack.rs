//! A runtime that is ready to be started with everything it needs in a folder of its own: what differs between runtimes is
//! data here, so that everything after is the same for all of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use shim::cri::client::{self, Client};
use shim::cri::message::{ImageSpec, ImageStatusRequest, NamespaceMode, StatusRequest};
use tokio::process::{Child, Command};

use super::meter::Cgroup;
use super::report::Runtime;

/// How long a daemon may take to serve.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// And to end.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// How long CRI may not know an image that was imported.
const IMPORT_PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked whether it serves.
const ASK_PERIOD: Duration = Duration::from_millis(20);
/// The condition of CRI's status that says pods can be run.
const RUNTIME_READY: &str = "RuntimeReady";
/// Enters a control group, then becomes what the other words say.
const ENTER: &str = r#"echo $$ > "$0" && exec "$@""#;

/// A runtime with its folder.
#[derive(Debug)]
pub(crate) struct Stack {
    /// Which it is.
    pub runtime: Runtime,
    /// All that it keeps lies here, and everything it starts names this path.
    pub folder: PathBuf,
    /// Where it serves CRI.
    pub socket: PathBuf,
    /// The words that start it.
    pub command: Vec<OsString>,
    /// Where it looks for programs; `None` is as we do.
    pub path: Option<OsString>,
    /// What makes its images known once it serves; each its words.
    pub imports: Vec<Vec<OsString>>,
    /// The image's name.
    pub image: String,
    /// The name of what keeps its sandboxes, if something does.
    pub pause: Option<String>,
    /// Whose network its pods have.
    pub network: NamespaceMode,
    /// The programs that take part, which are read into memory before anything is measured.
    pub programs: Vec<PathBuf>,
    /// Their versions.
    pub versions: Vec<String>,
    /// What a reader must know.
    pub setting: String,
}

/// A stack that runs.
pub(crate) struct Daemon {
    /// Its CRI.
    pub client: Client,
    child: Child,
}

// === impl Stack ===

impl Stack {
    /// Starts it, in `group` if there is one.
    ///
    /// # Errors
    /// It does not start, or does not say that it can run pods.
    pub(crate) async fn start(&self, group: Option<&Cgroup>) -> Result<Daemon> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut words = self.command.clone();
        if let Some(group) = group {
            let enter = ["/bin/sh".into(), "-c".into(), ENTER.into(), group.daemon_file().into_os_string()];
            words.splice(0..0, enter);
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Not in the terminal's group: Ctrl-C is for us, who then end it in order.
        command.process_group(0);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        let mut child = command.spawn().with_context(|| format!("start `{}`", self.command[0].display()))?;
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(client) = self.ask().await {
                return Ok(Daemon { client, child });
            }
            let ended = child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let program = self.command[0].display();
                bail!("`{program}` does not serve CRI; its last words: {}", last_words(&self.log()));
            }
            tokio::time::sleep(ASK_PERIOD).await;
        }
    }

    /// Its CRI, if it can run pods.
    async fn ask(&self) -> Option<Client> {
        let mut client = client::connect(&self.socket).await.ok()?;
        let status = client.pods.status(StatusRequest::default()).await.ok()?.into_inner().status?;
        status.conditions.iter().any(|it| it.r#type == RUNTIME_READY && it.status).then_some(client)
    }

    /// Makes its images known, and waits until CRI knows them: containerd hears of imports by and by.
    ///
    /// # Errors
    /// With what the program that does it says.
    pub(crate) async fn import(&self, client: &Client) -> Result<()> {
        for words in &self.imports {
            let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output().await;
            let output = output.with_context(|| format!("start `{}`", words[0].display()))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!("`{}` did not import the image: {}", words[0].display(), said.trim());
            }
        }
        let deadline = Instant::now() + IMPORT_PATIENCE;
        for image in self.pause.iter().chain([&self.image]) {
            while !knows(client, image).await? {
                ensure!(Instant::now() < deadline, "the runtime does not know the image that it imported: {image}");
                tokio::time::sleep(ASK_PERIOD).await;
            }
        }
        Ok(())
    }

    /// Reads every file that it may need, so that no runtime's first pods wait for the disk.
    pub(crate) fn warm(&self) {
        self.programs.iter().for_each(|path| read(path));
        read(&self.folder);
    }

    fn log(&self) -> PathBuf {
        self.folder.join("daemon.log")
    }
}

// === impl Daemon ===

impl Daemon {
    /// Ends it.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).context("end the runtime")?;
        }
        if tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await.context("kill the runtime")?;
        }
        Ok(())
    }
}

async fn knows(client: &Client, image: &str) -> Result<bool> {
    let spec = ImageSpec { image: image.to_owned(), ..ImageSpec::default() };
    let req = ImageStatusRequest { image: Some(spec), verbose: false };
    let status = client.images.clone().image_status(req).await.context("ImageStatus")?;
    Ok(status.into_inner().image.is_some())
}

/// The end of a log.
fn last_words(log: &Path) -> String {
    const LINES: usize = 5;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Reads a file, or all files below a folder, for the sake of the page cache. What cannot be read is not needed.
fn read(path: &Path) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    if metadata.is_dir() {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| read(&entry.path()));
    } else if metadata.is_file()
        && let Ok(mut file) = std::fs::File::open(path)
    {
        let _ = std::io::copy(&mut file, &mut std::io::sink());
    }
}
