//! Leaves nothing behind, however the comparison ended: no process, no mount, no control group, no socket.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::meter::{self, Cgroup};

/// How often it is tried until nothing is left.
const ATTEMPTS_MAX: u32 = 50;
const ATTEMPT_PERIOD: Duration = Duration::from_millis(100);
/// Where a shim of containerd notes its socket, which is not in our folder.
const NOTES: [&str; 2] = ["address", "bootstrap.json"];

/// Ends every process that names `folder` and what descends from it, takes away what is mounted below it, and `group`.
pub(crate) async fn sweep(folder: &Path, group: Option<&Cgroup>) {
    let sockets = shim_sockets(&folder.join("containerd/state"));
    for _ in 0..ATTEMPTS_MAX {
        let left = processes(folder, group);
        if left.is_empty() {
            break;
        }
        for pid in left {
            let _ = kill_process(pid, Signal::KILL);
        }
        tokio::time::sleep(ATTEMPT_PERIOD).await;
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for mount in mounts_below(&mounts, folder) {
        let unmounted = Command::new("umount").arg("-l").arg(&mount).stdin(Stdio::null()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            tracing::warn!(mount = %mount.display(), "something is still mounted");
        }
    }
    for socket in sockets {
        let _ = fs::remove_file(socket);
    }
    if let Some(group) = group {
        group.remove();
    }
}

fn processes(folder: &Path, group: Option<&Cgroup>) -> Vec<Pid> {
    let all = meter::processes().unwrap_or_default();
    let marker = folder.display().to_string();
    let mut pids: BTreeSet<u32> = meter::of_stack(&all, &marker).into_iter().map(|it| it.pid).collect();
    // A container's first process names nothing, and has lost its parent if its shim was killed.
    pids.extend(group.map(Cgroup::processes).unwrap_or_default());
    pids.remove(&std::process::id());
    pids.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).collect()
}

/// The mount points below `folder`, the deepest first.
fn mounts_below(mountinfo: &str, folder: &Path) -> Vec<PathBuf> {
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    let mut below: Vec<PathBuf> = points.filter(|point| point.starts_with(folder)).collect();
    below.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    below
}

/// The sockets of the shims whose bundles are below `state`.
fn shim_sockets(state: &Path) -> Vec<PathBuf> {
    let bundles = folders(&state.join("io.containerd.runtime.v2.task")).flat_map(|namespace| folders(&namespace));
    let notes = bundles.flat_map(|bundle| NOTES.map(|name| bundle.join(name)));
    notes.filter_map(|note| socket_of(&fs::read_to_string(note).ok()?)).collect()
}

fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}

fn socket_of(note: &str) -> Option<PathBuf> {
    let path = note.split_once("unix://")?.1;
    Some(PathBuf::from(path.split(['"', '\n']).next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_goes_first_and_others_stay() {
        let mountinfo = "\
22 1 254:0 / / rw - ext4 /dev/vda rw
90 22 0:50 / /tmp/x/state/a rw,relatime shared:1 - overlay overlay rw
91 90 0:51 / /tmp/x/state/a/rootfs/dev/shm rw - tmpfs shm rw
92 22 0:52 / /tmp/xy rw - tmpfs tmpfs rw
";
        let expected = ["/tmp/x/state/a/rootfs/dev/shm", "/tmp/x/state/a"].map(PathBuf::from);
        assert_eq!(mounts_below(mountinfo, Path::new("/tmp/x")), expected);
    }

    #[test]
    fn a_shims_socket_is_found_in_its_notes() {
        let socket = Some(PathBuf::from("/run/containerd/s/ab12"));
        assert_eq!(socket_of("unix:///run/containerd/s/ab12"), socket);
        assert_eq!(socket_of(r#"{"version":3,"address":"unix:///run/containerd/s/ab12","protocol":"ttrpc"}"#), socket);
        assert_eq!(socket_of(""), None);
    }
}
