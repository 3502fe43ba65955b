//! Changes to directories of the host: every one goes through an open parent, so that no link on the way is followed out.

use rustix::fs::{AtFlags, Mode, OFlags, Timestamps, futimens, mkdirat, renameat, unlinkat};
use rustix::time::{Nsecs, Timespec};

use super::tree::{HostNode, Tree};
use crate::host::bindings::wasi::filesystem::types::{ErrorCode, NewTimestamp};

const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);

/// The place of a change, if there may be one.
fn place(tree: &Tree, path: &str) -> Result<HostNode, ErrorCode> {
    if tree.is_mount(path) {
        return Err(ErrorCode::Busy);
    }
    let node = tree.host(path).ok_or(ErrorCode::ReadOnly)?;
    if node.read_only { Err(ErrorCode::ReadOnly) } else { Ok(node) }
}

pub(super) fn make_directory(tree: &Tree, path: &str) -> Result<(), ErrorCode> {
    let (parent, name) = place(tree, path)?.open_parent()?;
    Ok(mkdirat(parent, name, DIRECTORY_MODE)?)
}

/// `flags` says whether it is a file or a directory.
pub(super) fn remove(tree: &Tree, path: &str, flags: AtFlags) -> Result<(), ErrorCode> {
    let (parent, name) = place(tree, path)?.open_parent()?;
    Ok(unlinkat(parent, name, flags)?)
}

pub(super) fn rename(tree: &Tree, from: &str, to: &str) -> Result<(), ErrorCode> {
    let (old_parent, old_name) = place(tree, from)?.open_parent()?;
    let (new_parent, new_name) = place(tree, to)?.open_parent()?;
    match renameat(old_parent, old_name, new_parent, new_name) {
        // Between file systems, which is not what `XDEV` says elsewhere.
        Err(rustix::io::Errno::XDEV) => Err(ErrorCode::CrossDevice),
        renamed => Ok(renamed?),
    }
}

pub(super) fn set_times(
    tree: &Tree,
    path: &str,
    follow: OFlags,
    access: NewTimestamp,
    modification: NewTimestamp,
) -> Result<(), ErrorCode> {
    let file = place(tree, path)?.open(OFlags::RDONLY | follow, Mode::empty())?;
    Ok(futimens(file, &times(access, modification))?)
}

pub(super) fn times(access: NewTimestamp, modification: NewTimestamp) -> Timestamps {
    Timestamps { last_access: time(access), last_modification: time(modification) }
}

fn time(time: NewTimestamp) -> Timespec {
    let nanos = |nanos: Nsecs| Timespec { tv_sec: 0, tv_nsec: nanos };
    match time {
        NewTimestamp::NoChange => nanos(rustix::fs::UTIME_OMIT),
        NewTimestamp::Now => nanos(rustix::fs::UTIME_NOW),
        NewTimestamp::Timestamp(time) => Timespec {
            tv_sec: i64::try_from(time.seconds).unwrap_or(i64::MAX),
            tv_nsec: time.nanoseconds.min(999_999_999).into(),
        },
    }
}
