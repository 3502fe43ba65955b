//! A real registry for the examples and for critest: CNCF distribution on loopback, with an empty store.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long it may take until it answers.
const START_SECONDS_MAX: u64 = 30;
/// `ann`, `secret`.
const HTPASSWD: &str = "ann:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// A running registry. It ends with the value.
pub(crate) struct Registry {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
}

impl Registry {
    /// Starts `program` with its files below `directory`, for one user.
    ///
    /// # Errors
    /// It does not start or does not answer.
    pub(crate) fn start(program: &Path, directory: &Path) -> Result<Registry> {
        let passwords = directory.join("htpasswd");
        fs::write(&passwords, HTPASSWD)?;
        let users = format!("auth:\n  htpasswd: {{realm: examples, path: {}}}\n", passwords.display());
        Self::start_for(program, directory, &users)
    }

    /// Likewise, for everybody.
    ///
    /// # Errors
    /// As `start`.
    pub(crate) fn start_open(program: &Path, directory: &Path) -> Result<Registry> {
        Self::start_for(program, directory, "")
    }

    fn start_for(program: &Path, directory: &Path, users: &str) -> Result<Registry> {
        let directory = directory.join("registry");
        fs::create_dir_all(&directory)?;
        let host = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let config = directory.join("config.yaml");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp:\n  addr: {host}\n\
                 {users}",
                directory.join("store").display(),
            ),
        )?;
        let log = fs::File::create(directory.join("log"))?;
        let child = Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start `{}`", program.display()))?;
        let registry = Registry { child, host };
        registry.wait(&directory.join("log"))?;
        Ok(registry)
    }

    fn wait(&self, log: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while Instant::now() < deadline {
            if std::net::TcpStream::connect(&self.host).is_ok() {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        bail!("the registry did not answer in {START_SECONDS_MAX} s:\n{}", fs::read_to_string(log).unwrap_or_default())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
