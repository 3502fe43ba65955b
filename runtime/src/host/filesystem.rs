//! wasi:filesystem over one mount table: `/` is the only preopen, and only what the spec mounts is below it.
//!
//! # Flow
//! A directory is a path and nothing else; every call looks it up in the `Tree` again, so an idle program holds no
//! descriptor of the host for it. A file is bytes in memory, or an open file of the host.
//!
//! # Guarantees
//! - A path never leaves its mount: the kernel resolves what is below a host mount, and refuses links that lead out.
//! - Links are never made: whoever else reads a host directory may trust what is in it.

mod change;
mod descriptor;
pub(crate) mod handle;
mod open;
mod stream;
pub(crate) mod tree;

use std::io;

use rustix::io::Errno;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::TrappableError;

use self::handle::Handle;
use self::tree::Tree;
use crate::host::bindings::wasi::filesystem::preopens;
use crate::host::bindings::wasi::filesystem::types::{self, ErrorCode};
use crate::state::State;

/// What a host call on files gives.
pub(crate) type FsResult<T> = Result<T, FsError>;

/// An error that the guest hears, or a trap.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub type FsError = TrappableError<ErrorCode>;

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<State, Files>(linker, State::files)?;
    preopens::add_to_linker::<State, Files>(linker, State::files)
}

pub(crate) struct Files;

impl HasData for Files {
    type Data<'a> = FilesView<'a>;
}

/// What one host call on files works with.
pub(crate) struct FilesView<'a> {
    pub(crate) tree: Option<&'a Tree>,
    pub(crate) table: &'a mut ResourceTable,
}

impl<'a> FilesView<'a> {
    fn tree(&self) -> FsResult<&'a Tree> {
        // A handle comes only from a preopen, and there is none without a tree.
        self.tree.ok_or_else(|| ErrorCode::BadDescriptor.into())
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Handle>, String)>> {
        if self.tree.is_none() {
            return Ok(Vec::new());
        }
        let root = self.table.push(Handle::Directory { path: "/".to_owned() })?;
        Ok(vec![(root, "/".to_owned())])
    }
}

impl From<io::Error> for ErrorCode {
    fn from(err: io::Error) -> Self {
        err.raw_os_error().map_or(Self::Io, |code| Errno::from_raw_os_error(code).into())
    }
}

impl From<Errno> for ErrorCode {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ACCESS => Self::Access,
            Errno::BADF => Self::BadDescriptor,
            Errno::BUSY => Self::Busy,
            Errno::DQUOT => Self::Quota,
            Errno::EXIST => Self::Exist,
            Errno::FBIG => Self::FileTooLarge,
            Errno::INTR => Self::Interrupted,
            Errno::INVAL => Self::Invalid,
            Errno::ISDIR => Self::IsDirectory,
            Errno::LOOP => Self::Loop,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::InsufficientMemory,
            Errno::NAMETOOLONG => Self::NameTooLong,
            Errno::NOENT => Self::NoEntry,
            Errno::NOSPC => Self::InsufficientSpace,
            Errno::NOTDIR => Self::NotDirectory,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::OVERFLOW => Self::Overflow,
            // A path that would leave its mount.
            Errno::PERM | Errno::XDEV => Self::NotPermitted,
            Errno::ROFS => Self::ReadOnly,
            Errno::SPIPE => Self::InvalidSeek,
            _ => Self::Io,
        }
    }
}
