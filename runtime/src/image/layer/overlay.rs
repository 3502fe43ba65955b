//! Decides what an image's files are when one layer lies on another: whiteouts, links, and paths that mean harm.

use std::collections::{BTreeMap, BTreeSet};

use crate::image::error::ImageError;
use crate::image::import::FILES_MAX;
use crate::image::layer::UNPACKED_BYTES_MAX;
use crate::image::manifest::Entry;

/// Links behind one another, as Linux has it.
const LINKS_MAX: usize = 40;
const PATH_BYTES_MAX: usize = 4096;
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// What the layers so far leave, by absolute path.
#[derive(Debug, Default)]
pub(crate) struct Overlay(BTreeMap<String, Node>);

/// One layer, before it is put on others.
#[derive(Debug, Default)]
pub(crate) struct Upper {
    nodes: BTreeMap<String, Node>,
    /// Directories that it makes anew where files may be.
    directories: BTreeSet<String>,
    /// What it takes away of the layers below: a path and all below it.
    whiteouts: BTreeSet<String>,
    /// Directories of which it takes away all that layers below have.
    opaque: BTreeSet<String>,
    size_bytes: u64,
}

#[derive(Clone, Debug)]
enum Node {
    File(Entry),
    Link(String),
}

// === impl Upper ===

impl Upper {
    /// Whether `path` says that something is gone rather than what is there; then it is noted.
    pub(crate) fn whiteout(&mut self, path: &str) -> Result<bool, ImageError> {
        let path = normal(path)?;
        let Some((dir, name)) = path.rsplit_once('/') else { return Ok(false) };
        if name == OPAQUE {
            self.opaque.insert(dir.to_owned());
            return Ok(true);
        }
        let Some(hidden) = name.strip_prefix(WHITEOUT) else { return Ok(false) };
        if matches!(hidden, "" | "." | "..") {
            return Err(hostile(&path));
        }
        self.whiteouts.insert(format!("{dir}/{hidden}"));
        Ok(true)
    }

    pub(crate) fn file(&mut self, path: &str, entry: Entry) -> Result<(), ImageError> {
        self.size_bytes = self.size_bytes.saturating_add(entry.size_bytes);
        if self.size_bytes > UNPACKED_BYTES_MAX {
            return Err(ImageError::TooBig { name: "a layer".to_owned(), bytes_max: UNPACKED_BYTES_MAX });
        }
        self.insert(path, Node::File(entry))
    }

    pub(crate) fn directory(&mut self, path: &str) -> Result<(), ImageError> {
        let path = normal(path)?;
        self.nodes.remove(&path);
        self.directories.insert(path);
        Ok(())
    }

    pub(crate) fn hard_link(&mut self, path: &str, target: &str, below: &Overlay) -> Result<(), ImageError> {
        let target = normal(target)?;
        let found = self.nodes.get(&target).or_else(|| below.0.get(&target)).cloned();
        let found = found.ok_or_else(|| ImageError::NotAnImage(format!("`{path}` is a link to nothing")))?;
        self.insert(path, found)
    }

    pub(crate) fn symbolic_link(&mut self, path: &str, target: String) -> Result<(), ImageError> {
        if target.is_empty() || target.len() > PATH_BYTES_MAX || target.contains('\0') {
            return Err(hostile(path));
        }
        self.insert(path, Node::Link(target))
    }

    fn insert(&mut self, path: &str, node: Node) -> Result<(), ImageError> {
        let path = normal(path)?;
        if path.is_empty() {
            return Err(hostile(&path));
        }
        self.nodes.insert(path, node);
        if self.nodes.len() > FILES_MAX {
            return Err(ImageError::NotAnImage(format!("more than {FILES_MAX} files")));
        }
        Ok(())
    }
}

// === impl Overlay ===

impl Overlay {
    /// Puts one layer on what is there.
    pub(crate) fn put(&mut self, upper: Upper) -> Result<(), ImageError> {
        for path in &upper.whiteouts {
            self.0.remove(path);
            self.remove_below(path);
        }
        for dir in &upper.opaque {
            self.remove_below(dir);
        }
        for dir in &upper.directories {
            // A directory in the place of a file; a link to one stays what it is, as container runtimes have it.
            if matches!(self.0.get(dir), Some(Node::File(_))) {
                self.0.remove(dir);
            }
        }
        for (path, node) in upper.nodes {
            self.remove_below(&path);
            for (at, _) in path.match_indices('/').skip(1) {
                if matches!(self.0.get(&path[..at]), Some(Node::File(_))) {
                    self.0.remove(&path[..at]);
                }
            }
            self.0.insert(path, node);
        }
        if self.0.len() > FILES_MAX {
            return Err(ImageError::NotAnImage(format!("more than {FILES_MAX} files")));
        }
        Ok(())
    }

    fn remove_below(&mut self, dir: &str) {
        let prefix = format!("{dir}/");
        let below: Vec<String> = self
            .0
            .range(prefix.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&prefix))
            .cloned()
            .collect();
        for path in below {
            self.0.remove(&path);
        }
    }

    /// Every file by every path that leads to it. Links that lead nowhere are not seen.
    pub(crate) fn files(self) -> Result<BTreeMap<String, Entry>, ImageError> {
        let mut files: BTreeMap<String, Entry> = BTreeMap::new();
        for (path, node) in &self.0 {
            match node {
                Node::File(entry) => drop(files.insert(path.clone(), entry.clone())),
                Node::Link(target) => self.follow(path, target, &mut files)?,
            }
            if files.len() > FILES_MAX {
                return Err(ImageError::NotAnImage(format!("more than {FILES_MAX} files, links counted")));
            }
        }
        Ok(files)
    }

    /// What a link leads to: a file, or the files of a directory.
    fn follow(&self, path: &str, target: &str, files: &mut BTreeMap<String, Entry>) -> Result<(), ImageError> {
        let Some(real) = self.resolve(&join(path, target)) else { return Ok(()) };
        if let Some(Node::File(entry)) = self.0.get(&real) {
            files.insert(path.to_owned(), entry.clone());
            return Ok(());
        }
        // Links inside it are not followed again: a loop would make files without end.
        let prefix = format!("{real}/");
        for (inner, node) in self.0.range(prefix.clone()..).take_while(|(inner, _)| inner.starts_with(&prefix)) {
            let Node::File(entry) = node else { continue };
            files.entry(format!("{path}/{}", &inner[prefix.len()..])).or_insert_with(|| entry.clone());
            if files.len() > FILES_MAX {
                return Err(ImageError::NotAnImage(format!("more than {FILES_MAX} files, links counted")));
            }
        }
        Ok(())
    }

    /// The path without links on the way; `None` if they lead in a circle.
    fn resolve(&self, path: &str) -> Option<String> {
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            let link = path.match_indices('/').skip(1).map(|(at, _)| at).chain([path.len()]).find_map(|at| match self
                .0
                .get(&path[..at])
            {
                Some(Node::Link(target)) => Some((at, target)),
                Some(Node::File(_)) | None => None,
            });
            let Some((at, target)) = link else { return Some(path) };
            let next = format!("{}{}", join(&path[..at], target), &path[at..]);
            if next.len() > PATH_BYTES_MAX {
                return None;
            }
            path = next;
        }
        None
    }
}

/// Where `target` leads from the link at `path`, never above the root.
fn join(path: &str, target: &str) -> String {
    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    let from = if target.starts_with('/') { "" } else { dir };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().map(|part| format!("/{part}")).collect()
}

/// `./a//b/` as `/a/b`; the root is empty.
fn normal(path: &str) -> Result<String, ImageError> {
    if path.len() > PATH_BYTES_MAX || path.contains('\0') {
        return Err(hostile(path));
    }
    let mut normal = String::with_capacity(path.len() + 1);
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(hostile(path)),
            part => {
                normal.push('/');
                normal.push_str(part);
            }
        }
    }
    Ok(normal)
}

fn hostile(path: &str) -> ImageError {
    let path: String = path.chars().take(100).collect();
    ImageError::NotAnImage(format!("a layer has the path `{}`, which no image needs", path.escape_debug()))
}
