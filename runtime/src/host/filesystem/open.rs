//! Opens what is at a path, and lists what is in a directory.

use std::fs::File;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::handle::{Follow, Handle, Listing};
use super::tree::{ENTRIES_MAX, HostNode, Node, Tree, kind_of};
use crate::host::bindings::wasi::filesystem::types::{
    DescriptorFlags, DescriptorType, DirectoryEntry, ErrorCode, OpenFlags,
};

const FILE_MODE: Mode = Mode::from_raw_mode(0o644);

pub(super) fn open(
    tree: &Tree,
    path: String,
    follow: Follow,
    open_flags: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Handle, ErrorCode> {
    let changes = open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::EXCLUSIVE)
        || flags.contains(DescriptorFlags::WRITE);
    match tree.look(&path) {
        Ok(Node::Host(node)) if changes && node.read_only => Err(ErrorCode::ReadOnly),
        Ok(Node::Host(node)) => open_host(&node, path, follow, open_flags, flags),
        Ok(Node::Directory) if flags.contains(DescriptorFlags::WRITE) => Err(ErrorCode::IsDirectory),
        Ok(Node::Directory) => Ok(Handle::Directory { path }),
        Ok(Node::Memory(_)) if open_flags.contains(OpenFlags::DIRECTORY) => Err(ErrorCode::NotDirectory),
        Ok(Node::Memory(_)) if changes => Err(ErrorCode::ReadOnly),
        Ok(Node::Memory(data)) => Ok(Handle::Memory { path, data }),
        Err(ErrorCode::NoEntry) if open_flags.contains(OpenFlags::CREATE) => Err(ErrorCode::ReadOnly),
        Err(code) => Err(code),
    }
}

fn open_host(
    node: &HostNode,
    path: String,
    follow: Follow,
    open_flags: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Handle, ErrorCode> {
    let mut how = match (flags.contains(DescriptorFlags::READ), flags.contains(DescriptorFlags::WRITE)) {
        (_, false) => OFlags::RDONLY,
        (false, true) => OFlags::WRONLY,
        (true, true) => OFlags::RDWR,
    };
    how |= follow.flags();
    for (asked, flag) in [
        (OpenFlags::CREATE, OFlags::CREATE),
        (OpenFlags::DIRECTORY, OFlags::DIRECTORY),
        (OpenFlags::EXCLUSIVE, OFlags::EXCL),
        (OpenFlags::TRUNCATE, OFlags::TRUNC),
    ] {
        how.set(flag, open_flags.contains(asked));
    }
    // The kernel takes a mode only with `CREATE`.
    let mode = if how.contains(OFlags::CREATE) { FILE_MODE } else { Mode::empty() };
    let file = File::from(node.open(how, mode)?);
    match kind_of(file.metadata()?.file_type()) {
        DescriptorType::Directory => Ok(Handle::Directory { path }),
        DescriptorType::RegularFile => Ok(Handle::File { file: Arc::new(file), flags }),
        // Devices, pipes and sockets could block a thread or reach beyond files.
        _ => Err(ErrorCode::NotPermitted),
    }
}

/// The entries of a directory: what the host has, and what is mounted over it.
pub(super) fn list(tree: &Tree, path: &str) -> Result<Listing, ErrorCode> {
    let mut names = tree.list(path);
    if let Node::Host(node) = tree.look(path)? {
        let dir = node.open(OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        for entry in rustix::fs::Dir::read_from(dir)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if names.len() >= ENTRIES_MAX {
                return Err(ErrorCode::Overflow);
            }
            if name != "." && name != ".." {
                names.entry(name.to_owned()).or_insert_with(|| of_entry(entry.file_type()));
            }
        }
    }
    let entries: Vec<_> = names.into_iter().map(|(name, type_)| DirectoryEntry { type_, name }).collect();
    Ok(entries.into_iter())
}

fn of_entry(kind: rustix::fs::FileType) -> DescriptorType {
    match kind {
        rustix::fs::FileType::RegularFile => DescriptorType::RegularFile,
        rustix::fs::FileType::Directory => DescriptorType::Directory,
        rustix::fs::FileType::Symlink => DescriptorType::SymbolicLink,
        _ => DescriptorType::Unknown,
    }
}
