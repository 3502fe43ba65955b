//! Guards compiled code: each module is compiled once, in a child process, into a file that never changes.
//!
//! # Guarantees
//! - An artifact appears under its name by rename, complete and read-only; it is mapped, so it must never be written.
//! - One compilation at a time, and never the same twice at once.
//! - A module that was found bad is not compiled again while the process lives.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::engine::Class;
use crate::image::{hex, seal};

/// The child's exit code for a module that can never compile.
pub(crate) const EXIT_BAD_MODULE: u8 = 2;

/// Wall clock; the child's own limit is CPU time.
const COMPILE_TIMEOUT: Duration = Duration::from_secs(300);
const REASON_BYTES_MAX: u64 = 4 << 10;
const BAD_MODULES_MAX: usize = 256;
const TEMPORARY_SUFFIX: &str = "tmp";

/// Compiled modules on disk.
#[derive(Debug)]
pub(crate) struct Artifacts {
    dir: PathBuf,
    compiler: Vec<OsString>,
    compiling: Semaphore,
    bad: Mutex<HashMap<PathBuf, String>>,
}

/// Why there is no artifact.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("{0}")]
    BadModule(String),
    #[error("compile: {0}")]
    Failed(String),
}

impl Artifacts {
    pub(crate) fn open(dir: &Path, compiler: Vec<OsString>) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        // What is mapped as code must be out of others' reach.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == TEMPORARY_SUFFIX) {
                fs::remove_file(&path)?;
            }
        }
        Ok(Self { dir: dir.to_owned(), compiler, compiling: Semaphore::new(1), bad: Mutex::default() })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The artifact of the module `digest`, compiled from `module` if it is not there yet. Cancellation safe: the
    /// child is killed.
    pub(crate) async fn get(&self, digest: &str, module: &Path, class: Class) -> Result<PathBuf, CompileError> {
        let path = self.dir.join(format!("{}-{}.cwasm", hex(digest), class.key()));
        if path.exists() {
            return Ok(path);
        }
        let permit = self.compiling.acquire().await;
        let _permit = permit.expect("the semaphore is never closed");
        // Whoever held the permit before may have compiled this very module.
        if path.exists() {
            return Ok(path);
        }
        if let Some(reason) = self.bad.lock().get(&path) {
            return Err(CompileError::BadModule(reason.clone()));
        }
        let result = self.compile(digest, module, class, &path).await;
        if let Err(CompileError::BadModule(reason)) = &result {
            self.remember_bad(&path, reason);
        }
        result.map(|()| path)
    }

    /// Forgets an artifact that this engine does not take: another CPU or a damaged disk.
    pub(crate) fn discard(&self, path: &Path) {
        if let Err(err) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %err, "could not remove a stale artifact");
        }
    }

    async fn compile(&self, digest: &str, module: &Path, class: Class, path: &Path) -> Result<(), CompileError> {
        let temporary = path.with_extension(TEMPORARY_SUFFIX);
        // A child that was killed leaves its output behind.
        let _ = fs::remove_file(&temporary);
        let Some((program, args)) = self.compiler.split_first() else {
            return Err(CompileError::Failed(
                "this node has no compiler, and the artifact was not delivered".to_owned(),
            ));
        };
        let mut command = Command::new(program);
        command.args(args).arg(module).arg(digest).arg(class.name()).arg(&temporary);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let run = tokio::time::timeout(COMPILE_TIMEOUT, run(command)).await;
        let outcome = run.map_err(|_| CompileError::BadModule("compiling it takes too long".to_owned()))?;
        outcome?;
        let sealed = File::open(&temporary).map_err(|err| err.to_string());
        let sealed = sealed.and_then(|file| seal(&file, &temporary, path).map_err(|err| err.to_string()));
        sealed.map_err(CompileError::Failed)?;
        tracing::info!(%digest, class = class.name(), "compiled a module");
        Ok(())
    }

    fn remember_bad(&self, path: &Path, reason: &str) {
        let mut bad = self.bad.lock();
        if bad.len() >= BAD_MODULES_MAX {
            bad.clear();
        }
        bad.insert(path.to_owned(), reason.to_owned());
    }
}

async fn run(mut command: Command) -> Result<(), CompileError> {
    let mut child = command.spawn().map_err(|err| CompileError::Failed(format!("start the compiler: {err}")))?;
    let stderr = child.stderr.take().expect("stderr is piped");
    let mut reason = Vec::new();
    let read = stderr.take(REASON_BYTES_MAX).read_to_end(&mut reason).await;
    read.map_err(|err| CompileError::Failed(err.to_string()))?;
    let status = child.wait().await.map_err(|err| CompileError::Failed(err.to_string()))?;
    let reason = String::from_utf8_lossy(&reason).trim().to_owned();
    verdict(status.code(), reason)
}

/// A child that was killed ran into a limit: the module is to blame, and would run into it again.
fn verdict(code: Option<i32>, reason: String) -> Result<(), CompileError> {
    match code {
        Some(0) => Ok(()),
        Some(code) if code == i32::from(EXIT_BAD_MODULE) => Err(CompileError::BadModule(reason)),
        Some(_) => Err(CompileError::Failed(reason)),
        None => Err(CompileError::BadModule(format!("the compiler ran into a limit {reason}").trim().to_owned())),
    }
}
