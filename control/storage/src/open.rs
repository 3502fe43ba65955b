//! Opens a data directory: one process at a time, never one that a newer program wrote, readable by its owner only.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Storage, redb::Redb};

/// The layout of the data directory that this program writes.
const FORMAT: u32 = 1;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("`{}` is in use by another process", directory.display())]
    AlreadyOpen {
        /// The data directory.
        directory: PathBuf,
    },
    /// A newer program wrote it.
    #[error("`{}` has format {found}, this program knows up to {known}: use the newer program", directory.display())]
    NewerFormat {
        /// The data directory.
        directory: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program reads.
        known: u32,
    },
    /// A file or directory could not be made, read or written.
    #[error("open `{}`", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database could not be read.
    #[error("read the database")]
    Disk {
        /// What redb said.
        #[source]
        source: Box<redb::Error>,
    },
    /// The database was read but makes no sense. It is left as it is.
    #[error("the database is damaged: {reason}")]
    Damaged {
        /// What does not fit.
        reason: String,
    },
    /// The writer's thread could not be started.
    #[error("start the store's writer")]
    StartWriter {
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Opens the store in `directory`, made if it is not there.
///
/// # Errors
/// See [`OpenError`]. Nothing in the directory is changed by a failed attempt.
pub fn open(directory: &Path) -> Result<Arc<dyn Storage>, OpenError> {
    make_directory(directory)?;
    let lock = lock(directory)?;
    check_format(directory)?;
    let database = directory.join("objects.redb");
    make_database(&database, directory)?;
    Ok(Arc::new(Redb::open_file(database, lock)?))
}

fn make_directory(directory: &Path) -> Result<(), OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| OpenError::Directory { path: directory.to_owned(), source })
}

/// Takes the directory's lock, which ends with the process however that ends.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let file = private_file(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::AlreadyOpen { directory: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Directory { path, source }),
    }
}

fn check_format(directory: &Path) -> Result<(), OpenError> {
    let path = directory.join("format");
    let failed = |source| OpenError::Directory { path: path.clone(), source };
    let found = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return write_format(&path, directory).map_err(failed),
        Err(err) => return Err(failed(err)),
    };
    match found.trim().parse() {
        Ok(found) if found > FORMAT => {
            Err(OpenError::NewerFormat { directory: directory.to_owned(), found, known: FORMAT })
        }
        Ok(_) => Ok(()),
        Err(_) => Err(OpenError::Damaged { reason: format!("`{}` is no number", path.display()) }),
    }
}

fn write_format(path: &Path, directory: &Path) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = File::create(&aside)?;
    writeln!(file, "{FORMAT}")?;
    move_into_place(&aside, path, directory)
}

fn make_database(path: &Path, directory: &Path) -> Result<(), OpenError> {
    if path.exists() {
        return Ok(());
    }
    let aside = path.with_extension("new");
    private_file(&aside)?.set_len(0).map_err(|source| OpenError::Directory { path: aside.clone(), source })?;
    Redb::make_file(aside.clone())?;
    move_into_place(&aside, path, directory).map_err(|source| OpenError::Directory { path: path.to_owned(), source })
}

/// Files are made aside and then moved, so that a power cut never leaves half of one in place.
fn move_into_place(aside: &Path, path: &Path, directory: &Path) -> io::Result<()> {
    File::open(aside)?.sync_all()?;
    fs::rename(aside, path)?;
    File::open(directory)?.sync_all()
}

fn private_file(path: &Path) -> Result<File, OpenError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    opened.map_err(|source| OpenError::Directory { path: path.to_owned(), source })
}
