//! Puts a whole stack into one control group, so that the kernel itself says what it is charged.
//!
//! # Guarantees
//! - The groups are new and have the comparison's own name; `remove` takes them away in every hierarchy.
//! - Where no group can be made (no root, no cgroup file system) there is none, and nothing else changes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Charge;

const ROOT: &str = "/sys/fs/cgroup";
/// Where a stack's daemon is, below the stack's group.
const DAEMON: &str = "daemon";
/// Where its pods' groups are made, below the stack's group.
const PODS: &str = "pods";

/// The group of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Cgroup {
    /// Its name, relative to the root of a hierarchy.
    name: String,
    /// Its directory where memory is accounted.
    directory: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

// === impl Cgroup ===

impl Cgroup {
    /// A new group; `None` where that cannot be.
    pub(crate) fn make(name: &str) -> Option<Cgroup> {
        // Of an earlier point, if the kernel was slow to let go of it.
        remove(name);
        let (hierarchy, version) = hierarchy();
        let group = Cgroup { name: name.to_owned(), directory: hierarchy.join(name), version };
        match group.fill(&hierarchy) {
            Ok(()) => Some(group),
            Err(error) => {
                tracing::debug!(%error, "there is no control group");
                remove(name);
                None
            }
        }
    }

    /// The one of that name, if there is one.
    pub(crate) fn find(name: &str) -> Option<Cgroup> {
        let (hierarchy, version) = hierarchy();
        let directory = hierarchy.join(name);
        directory.is_dir().then(|| Cgroup { name: name.to_owned(), directory, version })
    }

    fn fill(&self, hierarchy: &Path) -> io::Result<()> {
        if !hierarchy.is_dir() {
            return Err(io::ErrorKind::NotFound.into());
        }
        fs::create_dir(&self.directory)?;
        if self.version == Version::Two {
            for directory in [hierarchy, &self.directory] {
                fs::write(directory.join("cgroup.subtree_control"), "+memory")?;
            }
        }
        fs::create_dir(self.directory.join(DAEMON))?;
        fs::create_dir(self.directory.join(PODS))?;
        self.charge().map(drop)
    }

    /// What CRI calls the parent of a pod's group.
    pub(crate) fn pods(&self) -> String {
        format!("/{}/{PODS}", self.name)
    }

    /// The file that a process writes its number to in order to be the daemon.
    pub(crate) fn daemon_file(&self) -> PathBuf {
        self.directory.join(DAEMON).join("cgroup.procs")
    }

    /// What it is charged now.
    pub(crate) fn charge(&self) -> io::Result<Charge> {
        let read = |name: &str| fs::read_to_string(self.directory.join(name));
        let stat = read("memory.stat")?;
        match self.version {
            Version::One => {
                Ok(version_one(&read("memory.usage_in_bytes")?, &read("memory.kmem.usage_in_bytes")?, &stat))
            }
            Version::Two => Ok(version_two(&read("memory.current")?, &stat)),
        }
    }

    /// The processes in it and below it.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let mut groups = vec![self.directory.clone()];
        while let Some(group) = groups.pop() {
            let listed = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            found.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()));
            groups.extend(groups_in(&group));
        }
        found
    }

    /// Takes it away, if nobody is in it any more.
    pub(crate) fn remove(&self) {
        remove(&self.name);
    }
}

/// Where memory is accounted.
fn hierarchy() -> (PathBuf, Version) {
    match Path::new(ROOT).join("cgroup.controllers").exists() {
        true => (PathBuf::from(ROOT), Version::Two),
        false => (Path::new(ROOT).join("memory"), Version::One),
    }
}

/// Removes the groups of that name in every hierarchy; those with processes stay.
fn remove(name: &str) {
    let hierarchies = fs::read_dir(ROOT).into_iter().flatten().flatten().map(|entry| entry.path());
    for hierarchy in hierarchies.chain([PathBuf::from(ROOT)]) {
        remove_tree(&hierarchy.join(name));
    }
}

/// The kernel removes only groups that are empty; their files go with them.
fn remove_tree(group: &Path) {
    groups_in(group).for_each(|below| remove_tree(&below));
    let _ = fs::remove_dir(group);
}

fn groups_in(group: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir())).map(|entry| entry.path())
}

fn version_one(usage: &str, kernel: &str, stat: &str) -> Charge {
    let unused = field(stat, "total_inactive_file");
    Charge {
        working_set: number(usage).saturating_sub(unused) / 1024,
        anonymous: field(stat, "total_rss") / 1024,
        kernel: number(kernel) / 1024,
    }
}

fn version_two(current: &str, stat: &str) -> Charge {
    Charge {
        working_set: number(current).saturating_sub(field(stat, "inactive_file")) / 1024,
        anonymous: field(stat, "anon") / 1024,
        kernel: field(stat, "kernel") / 1024,
    }
}

fn field(stat: &str, name: &str) -> u64 {
    let mut pairs = stat.lines().filter_map(|line| line.split_once(' '));
    pairs.find(|(key, _)| *key == name).map_or(0, |(_, value)| number(value))
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_the_same() {
        let one = "cache 5242880\nrss 1\ninactive_file 7\ntotal_cache 5242880\ntotal_rss 2097152\ntotal_inactive_file 1048576\n";
        let two = "anon 2097152\nfile 5242880\nkernel 3145728\ninactive_file 1048576\n";
        let expected = Charge { working_set: 9216, anonymous: 2048, kernel: 3072 };
        assert_eq!(version_one("10485760\n", "3145728\n", one), expected);
        assert_eq!(version_two("10485760\n", two), expected);
    }
}
