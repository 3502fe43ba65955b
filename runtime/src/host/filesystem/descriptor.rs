//! wasi:filesystem/types: each call in a few lines over the tree and the handle.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{AtFlags, futimens};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::handle::{self, Follow, Handle, Listing};
use super::open;
use super::stream::{Position, Reader, Writer};
use super::tree::{Node, join};
use super::{FilesView, FsError, FsResult, change};
use crate::host::bindings::wasi::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Host, HostDescriptor,
    HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};

type Fd = Resource<Handle>;

impl FilesView<'_> {
    fn handle(&self, fd: &Fd) -> FsResult<&Handle> {
        self.table.get(fd).map_err(FsError::trap)
    }

    /// The absolute path of `path` in the directory `fd`.
    fn path(&self, fd: &Fd, path: &str) -> FsResult<String> {
        Ok(join(self.handle(fd)?.directory()?, path)?)
    }
}

impl Host for FilesView<'_> {
    fn convert_error_code(&mut self, err: FsError) -> wasmtime::Result<ErrorCode> {
        err.downcast()
    }

    fn filesystem_error_code(&mut self, err: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        let err = self.table.get(&err)?;
        if let Some(code) = err.downcast_ref::<ErrorCode>() {
            return Ok(Some(*code));
        }
        let system = err.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
        Ok(system.map(|code| rustix::io::Errno::from_raw_os_error(code).into()))
    }
}

impl HostDescriptor for FilesView<'_> {
    fn read_via_stream(&mut self, fd: Fd, offset: u64) -> FsResult<Resource<DynInputStream>> {
        let handle = self.handle(&fd)?.clone();
        // Fails now rather than at the first read.
        handle.read(0, 0)?;
        let stream: DynInputStream = Box::new(Reader { handle, offset });
        self.table.push(stream).map_err(FsError::trap)
    }

    fn write_via_stream(&mut self, fd: Fd, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        let file = Arc::clone(self.handle(&fd)?.writable()?);
        let stream: DynOutputStream = Box::new(Writer { file, position: Position::At(offset) });
        self.table.push(stream).map_err(FsError::trap)
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        let file = self.handle(&fd)?.writable()?;
        // A descriptor of its own, because appending is a property of the open file.
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&**file));
        let file = File::options().append(true).open(path).map_err(ErrorCode::from)?;
        let stream: DynOutputStream = Box::new(Writer { file: Arc::new(file), position: Position::End });
        self.table.push(stream).map_err(FsError::trap)
    }

    fn advise(&mut self, fd: Fd, _offset: u64, _length: u64, _advice: Advice) -> FsResult<()> {
        self.handle(&fd).map(drop)
    }

    fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        match self.handle(&fd)? {
            Handle::File { file, .. } => Ok(file.sync_data().map_err(ErrorCode::from)?),
            Handle::Directory { .. } | Handle::Memory { .. } => Ok(()),
        }
    }

    fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        let tree = self.tree()?;
        let handle = self.handle(&fd)?;
        let changeable = handle.directory().ok().and_then(|path| tree.host(path)).is_some_and(|node| !node.read_only);
        Ok(if changeable { handle.flags() | DescriptorFlags::MUTATE_DIRECTORY } else { handle.flags() })
    }

    fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        Ok(self.handle(&fd)?.stat(self.tree()?)?.type_)
    }

    fn set_size(&mut self, fd: Fd, size: u64) -> FsResult<()> {
        Ok(self.handle(&fd)?.writable()?.set_len(size).map_err(ErrorCode::from)?)
    }

    fn set_times(&mut self, fd: Fd, access: NewTimestamp, modification: NewTimestamp) -> FsResult<()> {
        let file = self.handle(&fd)?.writable()?;
        Ok(futimens(file, &change::times(access, modification)).map_err(ErrorCode::from)?)
    }

    fn read(&mut self, fd: Fd, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let (bytes, end) = self.handle(&fd)?.read(length, offset)?;
        Ok((bytes.into(), end))
    }

    fn write(&mut self, fd: Fd, buffer: Vec<u8>, offset: u64) -> FsResult<u64> {
        Ok(self.handle(&fd)?.writable()?.write_at(&buffer, offset).map_err(ErrorCode::from)? as u64)
    }

    fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<Listing>> {
        let listing = open::list(self.tree()?, self.handle(&fd)?.directory()?)?;
        self.table.push(listing).map_err(FsError::trap)
    }

    fn sync(&mut self, fd: Fd) -> FsResult<()> {
        match self.handle(&fd)? {
            Handle::File { file, .. } => Ok(file.sync_all().map_err(ErrorCode::from)?),
            Handle::Directory { .. } | Handle::Memory { .. } => Ok(()),
        }
    }

    fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let path = self.path(&fd, &path)?;
        // What is there already is more to the point than that nothing may be made.
        let tree = self.tree()?;
        if tree.is_mount(&path) || tree.look(&path).is_ok_and(|node| !matches!(node, Node::Host(_))) {
            return Err(ErrorCode::Exist.into());
        }
        Ok(change::make_directory(tree, &path)?)
    }

    fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        Ok(self.handle(&fd)?.stat(self.tree()?)?)
    }

    fn stat_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let path = self.path(&fd, &path)?;
        Ok(handle::stat(&self.tree()?.look(&path)?, follow(flags))?)
    }

    fn set_times_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let path = self.path(&fd, &path)?;
        Ok(change::set_times(self.tree()?, &path, follow(flags).flags(), access, modification)?)
    }

    fn link_at(&mut self, _: Fd, _: PathFlags, _: String, _: Fd, _: String) -> FsResult<()> {
        Err(ErrorCode::NotPermitted.into())
    }

    fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let path = self.path(&fd, &path)?;
        let handle = open::open(self.tree()?, path, follow(path_flags), open_flags, flags)?;
        self.table.push(handle).map_err(FsError::trap)
    }

    fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        let path = self.path(&fd, &path)?;
        let node = self.tree()?.host(&path).ok_or(ErrorCode::Invalid)?;
        let (parent, name) = node.open_parent().map_err(ErrorCode::from)?;
        let target = rustix::fs::readlinkat(parent, name, Vec::new()).map_err(ErrorCode::from)?;
        Ok(target.into_string().map_err(|_| ErrorCode::IllegalByteSequence)?)
    }

    fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let path = self.path(&fd, &path)?;
        Ok(change::remove(self.tree()?, &path, AtFlags::REMOVEDIR)?)
    }

    fn rename_at(&mut self, fd: Fd, old_path: String, new_fd: Fd, new_path: String) -> FsResult<()> {
        let (from, to) = (self.path(&fd, &old_path)?, self.path(&new_fd, &new_path)?);
        Ok(change::rename(self.tree()?, &from, &to)?)
    }

    fn symlink_at(&mut self, _: Fd, _: String, _: String) -> FsResult<()> {
        Err(ErrorCode::NotPermitted.into())
    }

    fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let path = self.path(&fd, &path)?;
        Ok(change::remove(self.tree()?, &path, AtFlags::empty())?)
    }

    fn is_same_object(&mut self, fd: Fd, other: Fd) -> wasmtime::Result<bool> {
        let Some(tree) = self.tree else { return Ok(false) };
        let identity = |fd: &Fd| self.table.get(fd).map(|handle| handle.identity(tree).ok());
        let (a, b) = (identity(&fd)?, identity(&other)?);
        Ok(a.zip(b).is_some_and(|(a, b)| (a.lower, a.upper) == (b.lower, b.upper)))
    }

    fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        Ok(self.handle(&fd)?.identity(self.tree()?)?)
    }

    fn metadata_hash_at(&mut self, fd: Fd, _flags: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        let path = self.path(&fd, &path)?;
        Ok(handle::identity(&self.tree()?.look(&path)?, &path)?)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.table.delete(fd)?;
        Ok(())
    }
}

impl HostDirectoryEntryStream for FilesView<'_> {
    fn read_directory_entry(&mut self, stream: Resource<Listing>) -> FsResult<Option<DirectoryEntry>> {
        Ok(self.table.get_mut(&stream).map_err(FsError::trap)?.next())
    }

    fn drop(&mut self, stream: Resource<Listing>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

fn follow(flags: PathFlags) -> Follow {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) { Follow::Yes } else { Follow::No }
}
