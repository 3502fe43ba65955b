//! Decides what a path means: which mount it is in, and what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::host::bindings::wasi::filesystem::types::{DescriptorType, ErrorCode};
use crate::image::{Entry, ImageFiles};
use crate::spec::{FileSet, Mount, MountSource};

/// A path that is longer is refused before it is looked at.
const PATH_BYTES_MAX: usize = 4096;
/// Entries of one directory that are listed.
pub(crate) const ENTRIES_MAX: usize = 16 << 10;

/// A program's file system.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Longest path first, so that the first that fits is the innermost.
    mounts: Vec<Branch>,
}

#[derive(Debug)]
struct Branch {
    /// Normal, without a slash at its end; the root is empty.
    path: String,
    source: Source,
    read_only: bool,
}

#[derive(Debug)]
enum Source {
    /// Looked up anew for each call: they may be replaced while the program runs.
    Files(Arc<FileSet>),
    Host(PathBuf),
    Image(ImageFiles),
}

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Node {
    Directory,
    Memory(Bytes),
    /// Something below a host mount, which only the host knows more of.
    Host(HostNode),
}

/// A path below a host mount.
#[derive(Clone, Debug)]
pub(crate) struct HostNode {
    root: PathBuf,
    /// Relative to the root; empty for the root itself.
    pub(crate) path: String,
    pub(crate) read_only: bool,
}

impl Tree {
    /// The tree of some mounts over the files of an image; `None` if there is nothing at all.
    pub(crate) fn new(mounts: Vec<Mount>, image: Option<ImageFiles>) -> Option<Self> {
        let mut branches: Vec<Branch> = mounts.into_iter().map(branch).collect();
        if let Some(files) = image {
            branches.push(Branch { path: String::new(), source: Source::Image(files), read_only: true });
        }
        // Stable, so that a mount on the root is before the image.
        branches.sort_by_key(|branch| std::cmp::Reverse(branch.path.len()));
        (!branches.is_empty()).then_some(Self { mounts: branches })
    }

    /// What is at an absolute path in normal form.
    pub(crate) fn look(&self, path: &str) -> Result<Node, ErrorCode> {
        let path = path.trim_end_matches('/');
        let found = self.branch(path).and_then(|(branch, rest)| branch.look(rest));
        match found {
            Some(node) => Ok(node),
            // A mount below it makes it a directory, whatever it is in.
            None if path.is_empty() || self.below(path).next().is_some() => Ok(Node::Directory),
            None => Err(ErrorCode::NoEntry),
        }
    }

    /// Where below a host mount a path is, if it is.
    pub(crate) fn host(&self, path: &str) -> Option<HostNode> {
        let (branch, rest) = self.branch(path.trim_end_matches('/'))?;
        match branch.look(rest) {
            Some(Node::Host(node)) => Some(node),
            Some(Node::Directory | Node::Memory(_)) | None => None,
        }
    }

    /// The module of an image that is mounted over a path, and where it is.
    pub(crate) fn mounted_module(&self, path: &str) -> Option<(Entry, PathBuf)> {
        let (branch, rest) = self.branch(path)?;
        let Source::Image(files) = &branch.source else { return None };
        let entry = files.entry(rest).filter(|entry| entry.wasm)?;
        Some((entry.clone(), files.blob(entry)))
    }

    /// Whether something is mounted exactly there.
    pub(crate) fn is_mount(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.mounts.iter().any(|branch| branch.path == path)
    }

    /// The names in the virtual part of a directory, and what they are. A host directory's own are not among them.
    pub(crate) fn list(&self, path: &str) -> BTreeMap<String, DescriptorType> {
        let path = path.trim_end_matches('/');
        let mut names: BTreeMap<String, DescriptorType> = BTreeMap::new();
        if let Some((branch, rest)) = self.branch(path) {
            names.extend(branch.list(rest));
        }
        let mounted: BTreeSet<String> =
            self.below(path).filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect();
        for name in mounted {
            let kind = self.kind(&format!("{path}/{name}"));
            names.insert(name, kind);
        }
        names
    }

    fn kind(&self, path: &str) -> DescriptorType {
        match self.look(path) {
            Ok(Node::Memory(_)) => DescriptorType::RegularFile,
            Ok(Node::Host(node)) => node.kind().unwrap_or(DescriptorType::Unknown),
            Ok(Node::Directory) | Err(_) => DescriptorType::Directory,
        }
    }

    fn branch<'p>(&self, path: &'p str) -> Option<(&Branch, &'p str)> {
        self.mounts.iter().find_map(|branch| strip(path, &branch.path).map(|rest| (branch, rest)))
    }

    /// The mounts below a path, relative to it.
    fn below(&self, path: &str) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter_map(move |branch| strip(&branch.path, path).filter(|rest| !rest.is_empty()))
    }
}

impl Branch {
    fn look(&self, rest: &str) -> Option<Node> {
        match &self.source {
            Source::Files(files) => {
                let files = files.files();
                if let Some(file) = files.get(rest) {
                    return Some(Node::Memory(file.data.clone()));
                }
                let directory = rest.is_empty() || files.keys().any(|path| strip(path, rest).is_some());
                directory.then_some(Node::Directory)
            }
            Source::Image(files) => match files.entry(rest) {
                Some(entry) => {
                    Some(Node::Host(HostNode { root: files.blob(entry), path: String::new(), read_only: true }))
                }
                None => (rest.is_empty() || files.is_directory(rest)).then_some(Node::Directory),
            },
            Source::Host(root) => {
                let node = HostNode { root: root.clone(), path: rest.to_owned(), read_only: self.read_only };
                Some(Node::Host(node))
            }
        }
    }

    fn list(&self, rest: &str) -> BTreeMap<String, DescriptorType> {
        match &self.source {
            Source::Files(files) => children(files.files().keys(), rest),
            Source::Image(files) => {
                let kind = |directory| if directory { DescriptorType::Directory } else { DescriptorType::RegularFile };
                files.children(rest).into_iter().map(|(name, is)| (name.to_owned(), kind(is))).collect()
            }
            Source::Host(_) => BTreeMap::new(),
        }
    }
}

impl HostNode {
    /// Opens it. The kernel resolves the path and refuses to leave the mount, by links or otherwise.
    pub(crate) fn open(&self, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        // A pipe must not block the thread; `openat2` takes neither flag with `PATH`, which opens nothing.
        let careful = OFlags::NOCTTY | OFlags::NONBLOCK;
        let flags = OFlags::CLOEXEC | if flags.contains(OFlags::PATH) { flags } else { flags | careful };
        if self.path.is_empty() {
            return openat(CWD, &self.root, flags, mode);
        }
        let root = openat(CWD, &self.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        openat2(root, &self.path, flags, mode, resolve)
    }

    /// Its parent directory and its name in it.
    pub(crate) fn open_parent(&self) -> Result<(OwnedFd, String), Errno> {
        let (parent, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        if name.is_empty() {
            return Err(Errno::BUSY);
        }
        let parent = Self { path: parent.to_owned(), ..self.clone() };
        Ok((parent.open(OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?, name.to_owned()))
    }

    pub(crate) fn metadata(&self, follow: OFlags) -> Result<std::fs::Metadata, ErrorCode> {
        let file = File::from(self.open(OFlags::PATH | follow, Mode::empty())?);
        Ok(file.metadata()?)
    }

    fn kind(&self) -> Result<DescriptorType, ErrorCode> {
        self.metadata(OFlags::empty()).map(|metadata| kind_of(metadata.file_type()))
    }
}

/// A path of the guest in normal form: absolute, without `.`, `..` and doubled slashes.
pub(crate) fn join(directory: &str, path: &str) -> Result<String, ErrorCode> {
    if path.is_empty() {
        return Err(ErrorCode::NoEntry);
    }
    if path.starts_with('/') || path.contains('\0') {
        return Err(ErrorCode::NotPermitted);
    }
    if directory.len() + path.len() > PATH_BYTES_MAX {
        return Err(ErrorCode::NameTooLong);
    }
    let mut words: Vec<&str> = directory.split('/').filter(|word| !word.is_empty()).collect();
    for word in path.split('/') {
        match word {
            "" | "." => {}
            // Above the root is nothing.
            ".." => drop(words.pop().ok_or(ErrorCode::NotPermitted)?),
            word => words.push(word),
        }
    }
    Ok(format!("/{}", words.join("/")))
}

pub(crate) fn kind_of(kind: std::fs::FileType) -> DescriptorType {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if kind.is_file() => DescriptorType::RegularFile,
        () if kind.is_dir() => DescriptorType::Directory,
        () if kind.is_symlink() => DescriptorType::SymbolicLink,
        () if kind.is_fifo() => DescriptorType::Fifo,
        () if kind.is_socket() => DescriptorType::Socket,
        () if kind.is_char_device() => DescriptorType::CharacterDevice,
        () if kind.is_block_device() => DescriptorType::BlockDevice,
        () => DescriptorType::Unknown,
    }
}

fn branch(mount: Mount) -> Branch {
    let path = Path::new("/").join(&mount.path);
    let words: Vec<_> = path.iter().skip(1).map(|word| word.to_string_lossy()).collect();
    let path = words.iter().fold(String::new(), |path, word| format!("{path}/{word}"));
    let (source, read_only) = match mount.source {
        MountSource::Files(files) => (Source::Files(files), true),
        MountSource::Host(root) => (Source::Host(root), mount.read_only),
        MountSource::Image(files) => (Source::Image(files), true),
    };
    Branch { path, source, read_only }
}

/// What of `path` is left below `prefix`; whole words only.
fn strip<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    if prefix.is_empty() {
        return Some(path.trim_start_matches('/'));
    }
    let rest = path.strip_prefix(prefix)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

fn children<'p>(paths: impl Iterator<Item = &'p String>, directory: &str) -> BTreeMap<String, DescriptorType> {
    let mut names = BTreeMap::new();
    for rest in paths.filter_map(|path| strip(path, directory)).filter(|rest| !rest.is_empty()) {
        let (name, kind) = match rest.split_once('/') {
            Some((name, _)) => (name, DescriptorType::Directory),
            None => (rest, DescriptorType::RegularFile),
        };
        names.insert(name.to_owned(), kind);
    }
    names
}

#[cfg(test)]
mod tests;
