//! What the service keeps on disk, so that a restart forgets no id, exit code or restart count: one small file per
//! sandbox and container, with what was asked and what happened when.
//!
//! # Guarantees
//! - A file is written beside and renamed into place: after a kill there is the old record or the new one.
//! - How a program ended is synced before anyone hears of it; nobody could find it out again. The rest is not: after a
//!   power cut nothing runs, and what is missing is what a caller makes anew.
//! - A record that cannot be read is left out with a warning and loses nothing else.
//! - No environment and no arguments are kept: what was running does not start again, and Secrets stay off the disk.
//!
//! In the agent's own process nothing is kept at all: it makes its pods again from the API, an idle node writes nothing
//! and starting a pod waits for no disk.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message;
use tokio::sync::{Mutex, MutexGuard};

use super::error::Error;
use super::message::{
    ContainerMetadata, ImageSpec, LinuxContainerResources, LinuxContainerUser, Mount, PodSandboxConfig,
};

/// What a file under way is called until it is whole.
const UNFINISHED: &str = ".new";

/// A sandbox on disk.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxRecord {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) config: Option<PodSandboxConfig>,
    #[prost(string, tag = "3")]
    pub(super) handler: String,
    #[prost(string, tag = "4")]
    pub(super) ip: String,
    #[prost(int64, tag = "5")]
    pub(super) created_at: i64,
}

/// A container on disk.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerRecord {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) sandbox_id: String,
    #[prost(message, optional, tag = "3")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "4")]
    pub(super) image: Option<ImageSpec>,
    #[prost(string, tag = "5")]
    pub(super) image_id: String,
    #[prost(map = "string, string", tag = "6")]
    pub(super) labels: HashMap<String, String>,
    #[prost(map = "string, string", tag = "7")]
    pub(super) annotations: HashMap<String, String>,
    #[prost(message, repeated, tag = "8")]
    pub(super) mounts: Vec<Mount>,
    #[prost(string, tag = "9")]
    pub(super) log_path: String,
    #[prost(message, optional, tag = "10")]
    pub(super) resources: Option<LinuxContainerResources>,
    #[prost(message, optional, tag = "11")]
    pub(super) user: Option<LinuxContainerUser>,
    #[prost(int32, tag = "12")]
    pub(super) stop_signal: i32,
    #[prost(int64, tag = "13")]
    pub(super) created_at: i64,
    #[prost(int64, tag = "14")]
    pub(super) started_at: i64,
    #[prost(int64, tag = "15")]
    pub(super) finished_at: i64,
    #[prost(int32, tag = "16")]
    pub(super) exit_code: i32,
    #[prost(string, tag = "17")]
    pub(super) reason: String,
    #[prost(string, tag = "18")]
    pub(super) message: String,
}

/// Which kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sandbox,
    Container,
}

/// Whether a write must outlive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    Kill,
    PowerCut,
}

/// The records of one service; without a directory, none.
#[derive(Debug)]
pub(super) struct Records {
    dir: Option<Arc<Path>>,
    /// Held by whoever changes a record and what it is of: what is written last is what is so.
    turn: Mutex<()>,
}

/// The right to change records.
pub(super) struct Turn<'a> {
    dir: Option<&'a Arc<Path>>,
    _turn: MutexGuard<'a, ()>,
}

// === impl Kind ===

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::Sandbox => "sandboxes",
            Self::Container => "containers",
        }
    }
}

// === impl Records ===

impl Records {
    /// Keeps nothing.
    pub(super) fn none() -> Self {
        Self { dir: None, turn: Mutex::default() }
    }

    /// Keeps records below `dir`, and answers those that are there.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Vec<SandboxRecord>, Vec<ContainerRecord>)> {
        let read = |kind: Kind| -> io::Result<Vec<Vec<u8>>> {
            let folder = dir.join(kind.folder());
            fs::create_dir_all(&folder)?;
            contents(&folder)
        };
        let sandboxes = read(Kind::Sandbox)?;
        let sandboxes = sandboxes.iter().filter_map(|bytes| decode(bytes, |it: &SandboxRecord| &it.id)).collect();
        let containers = read(Kind::Container)?;
        let containers = containers.iter().filter_map(|bytes| decode(bytes, |it: &ContainerRecord| &it.id)).collect();
        Ok((Self { dir: Some(dir.into()), turn: Mutex::default() }, sandboxes, containers))
    }

    /// Writes a record while nobody else can yet.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write_now<R: Message>(&self, kind: Kind, id: &str, record: &R) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        write_atomically(&dir.join(kind.folder()).join(id), &record.encode_to_vec(), Durability::Kill)
    }

    /// Whether there are any.
    pub(super) fn are_kept(&self) -> bool {
        self.dir.is_some()
    }

    /// The right to change records; one at a time has it.
    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn { dir: self.dir.as_ref(), _turn: self.turn.lock().await }
    }
}

// === impl Turn ===

impl Turn<'_> {
    /// Writes a record, unless none are kept: then it is not even asked for. Without one there is nothing to write.
    pub(super) async fn write<R: Message>(
        &self,
        kind: Kind,
        id: &str,
        durability: Durability,
        record: impl FnOnce() -> Option<R>,
    ) -> Result<(), Error> {
        let Some(dir) = self.dir else { return Ok(()) };
        let Some(record) = record() else { return Ok(()) };
        let (path, bytes) = (dir.join(kind.folder()).join(id), record.encode_to_vec());
        blocking(format!("write the record of `{id}`"), move || write_atomically(&path, &bytes, durability)).await
    }

    /// Removes a record; one that is not there is fine.
    pub(super) async fn remove(&self, kind: Kind, id: &str) -> Result<(), Error> {
        let Some(dir) = self.dir else { return Ok(()) };
        let path = dir.join(kind.folder()).join(id);
        blocking(format!("remove the record of `{id}`"), move || match fs::remove_file(path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
            Ok(()) | Err(_) => Ok(()),
        })
        .await
    }
}

async fn blocking(operation: String, work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Error> {
    let done = tokio::task::spawn_blocking(work).await.expect("writing a file does not panic");
    done.map_err(|source| Error::File { operation, source })
}

fn write_atomically(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(UNFINISHED);
    let new = PathBuf::from(new);
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    if durability == Durability::PowerCut {
        file.sync_data()?;
    }
    fs::rename(&new, path)
}

/// What the files of a folder hold; those that never became whole are removed.
fn contents(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.as_os_str().as_encoded_bytes().ends_with(UNFINISHED.as_bytes()) {
            fs::remove_file(&path)?;
            continue;
        }
        match fs::read(&path) {
            Ok(bytes) => found.push(bytes),
            Err(err) => tracing::warn!(path = %path.display(), %err, "could not read a record"),
        }
    }
    Ok(found)
}

/// A record that is whole: a cut file can decode, but lacks what was at its end or its id.
fn decode<R: Message + Default>(bytes: &[u8], id: impl Fn(&R) -> &String) -> Option<R> {
    match R::decode(bytes) {
        Ok(record) if !id(&record).is_empty() => Some(record),
        Ok(_) => {
            tracing::warn!(bytes = bytes.len(), "left out an empty record");
            None
        }
        Err(err) => {
            tracing::warn!(%err, bytes = bytes.len(), "left out a broken record");
            None
        }
    }
}

#[cfg(test)]
mod tests;
