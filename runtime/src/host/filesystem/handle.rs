//! What a guest's descriptor stands for.

use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use super::tree::{HostNode, Node, Tree, kind_of};
use crate::host::bindings::wasi::clocks::wall_clock::Datetime;
use crate::host::bindings::wasi::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue,
};

/// What one call reads at most.
pub(crate) const READ_BYTES_MAX: usize = 64 << 10;

/// An open file or directory.
#[derive(Clone, Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub enum Handle {
    /// Looked up again for each call.
    Directory {
        /// Absolute, in normal form.
        path: String,
    },
    /// A file that never changes.
    Memory {
        /// Where it was found, which is its identity.
        path: String,
        /// Its contents.
        data: Bytes,
    },
    /// An open file of the host.
    File {
        /// Shared with the streams that were made from it.
        file: Arc<File>,
        /// What the guest may do with it.
        flags: DescriptorFlags,
    },
}

/// The rest of a listing.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub type Listing = std::vec::IntoIter<DirectoryEntry>;

impl Handle {
    pub(super) fn directory(&self) -> Result<&str, ErrorCode> {
        match self {
            Self::Directory { path } => Ok(path),
            Self::Memory { .. } | Self::File { .. } => Err(ErrorCode::NotDirectory),
        }
    }

    /// The host's file, if the guest may write to it.
    pub(super) fn writable(&self) -> Result<&Arc<File>, ErrorCode> {
        match self {
            Self::File { file, flags } if flags.contains(DescriptorFlags::WRITE) => Ok(file),
            Self::Directory { .. } => Err(ErrorCode::IsDirectory),
            Self::Memory { .. } | Self::File { .. } => Err(ErrorCode::BadDescriptor),
        }
    }

    pub(super) fn flags(&self) -> DescriptorFlags {
        match self {
            Self::Directory { .. } | Self::Memory { .. } => DescriptorFlags::READ,
            Self::File { flags, .. } => *flags,
        }
    }

    /// Up to `length` bytes at `offset`, and whether that is the end.
    pub(super) fn read(&self, length: u64, offset: u64) -> Result<(Bytes, bool), ErrorCode> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(READ_BYTES_MAX);
        match self {
            Self::Directory { .. } => Err(ErrorCode::IsDirectory),
            Self::Memory { data, .. } => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(data.len());
                let end = start.saturating_add(length).min(data.len());
                Ok((data.slice(start..end), end == data.len()))
            }
            Self::File { file, flags } if flags.contains(DescriptorFlags::READ) => {
                let mut buffer = vec![0; length];
                let count = file.read_at(&mut buffer, offset)?;
                buffer.truncate(count);
                Ok((buffer.into(), count == 0 && length > 0))
            }
            Self::File { .. } => Err(ErrorCode::BadDescriptor),
        }
    }

    pub(super) fn stat(&self, tree: &Tree) -> Result<DescriptorStat, ErrorCode> {
        match self {
            Self::Directory { path } => stat(&tree.look(path)?, Follow::Yes),
            Self::Memory { data, .. } => Ok(plain(DescriptorType::RegularFile, data.len())),
            Self::File { file, .. } => Ok(of_metadata(&file.metadata()?)),
        }
    }

    /// Equal for the same object and, all but certainly, for no other.
    pub(super) fn identity(&self, tree: &Tree) -> Result<MetadataHashValue, ErrorCode> {
        match self {
            Self::Directory { path } => identity(&tree.look(path)?, path),
            Self::Memory { path, .. } => Ok(hash(path)),
            Self::File { file, .. } => Ok(of_inode(&file.metadata()?)),
        }
    }
}

/// Whether a link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    Yes,
    No,
}

impl Follow {
    pub(super) fn flags(self) -> rustix::fs::OFlags {
        match self {
            Self::Yes => rustix::fs::OFlags::empty(),
            Self::No => rustix::fs::OFlags::NOFOLLOW,
        }
    }
}

pub(super) fn stat(node: &Node, follow: Follow) -> Result<DescriptorStat, ErrorCode> {
    match node {
        Node::Directory => Ok(plain(DescriptorType::Directory, 0)),
        Node::Memory(data) => Ok(plain(DescriptorType::RegularFile, data.len())),
        Node::Host(node) => metadata(node, follow).map(|metadata| of_metadata(&metadata)),
    }
}

pub(super) fn identity(node: &Node, path: &str) -> Result<MetadataHashValue, ErrorCode> {
    match node {
        Node::Directory | Node::Memory(_) => Ok(hash(&path)),
        Node::Host(node) => metadata(node, Follow::Yes).map(|metadata| of_inode(&metadata)),
    }
}

fn metadata(node: &HostNode, follow: Follow) -> Result<Metadata, ErrorCode> {
    node.metadata(follow.flags())
}

fn plain(kind: DescriptorType, size: usize) -> DescriptorStat {
    DescriptorStat {
        type_: kind,
        link_count: 1,
        size: size as u64,
        data_access_timestamp: None,
        data_modification_timestamp: None,
        status_change_timestamp: None,
    }
}

fn of_metadata(metadata: &Metadata) -> DescriptorStat {
    let time = |time: std::io::Result<std::time::SystemTime>| {
        let since = time.ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() })
    };
    DescriptorStat {
        type_: kind_of(metadata.file_type()),
        link_count: metadata.nlink(),
        size: metadata.len(),
        data_access_timestamp: time(metadata.accessed()),
        data_modification_timestamp: time(metadata.modified()),
        status_change_timestamp: None,
    }
}

fn of_inode(metadata: &Metadata) -> MetadataHashValue {
    hash(&(metadata.dev(), metadata.ino()))
}

fn hash(object: &impl Hash) -> MetadataHashValue {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, object).hash(&mut hasher);
        hasher.finish()
    };
    MetadataHashValue { lower: half(0), upper: half(1) }
}
