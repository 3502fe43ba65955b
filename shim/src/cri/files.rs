//! Files that live in memory only: a ConfigMap, a Secret or a token is given to a container without touching a disk.
//!
//! A mount whose host path begins with `memory:/` names a set here instead of a place on the host. Only callers in this
//! process can: `socket` refuses such a path, so a caller from outside never finds another's.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use runtime::{File, FileSet};

/// What a host path of a set begins with.
pub const SCHEME: &str = "memory:/";

/// Files by their path relative to the mount. A set that is one file has it under the empty path.
pub type Files = HashMap<String, File>;

/// The sets that mounts can name.
#[derive(Debug, Default)]
pub struct FileSets {
    sets: Mutex<HashMap<String, Arc<FileSet>>>,
}

impl FileSets {
    /// Puts a set and answers the host path that names it. Containers that have one of that name keep theirs as it is.
    pub fn put(&self, name: &str, files: Files) -> String {
        let path = format!("{SCHEME}{name}");
        self.sets.lock().insert(path.clone(), Arc::new(files.into()));
        path
    }

    /// Replaces the files of a set, for the containers that have it too; puts it if there is none.
    pub fn replace(&self, name: &str, files: Files) {
        match self.get(&format!("{SCHEME}{name}")) {
            Some(set) => set.replace(files),
            None => drop(self.put(name, files)),
        }
    }

    /// The set that a host path names.
    pub fn get(&self, host_path: &str) -> Option<Arc<FileSet>> {
        self.sets.lock().get(host_path).cloned()
    }

    /// Forgets the sets whose names begin with `prefix`. Containers that have them keep them.
    pub fn remove(&self, prefix: &str) {
        let prefix = format!("{SCHEME}{prefix}");
        self.sets.lock().retain(|path, _| !path.starts_with(&prefix));
    }
}
