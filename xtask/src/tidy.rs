//! Guards what makes the tree livable and what no compiler checks. Every rule is a row of `RULES`; each says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A file longer than this must stand in `tidy.sizes`, where its size may only fall.
const LINES_MAX: usize = 300;
/// No file that is not a table or a test may be longer than this.
const LINES_LIMIT: usize = 500;

/// One rule: its name, why it is there, and what it finds.
struct Rule {
    name: &'static str,
    reason: &'static str,
    check: fn(&Tree) -> Vec<String>,
}

const RULES: &[Rule] = &[
    Rule { name: "import edges", reason: "the dependency graph is the design (ARCHITECTURE.md)", check: import_edges },
    Rule { name: "module docs", reason: "a newcomer reads the first line first", check: module_docs },
    Rule { name: "file sizes", reason: "a file is one idea; sizes only fall", check: file_sizes },
    Rule { name: "machine paths", reason: "the tree must build anywhere", check: machine_paths },
    Rule { name: "unfinished work", reason: "a stub called done is a defect", check: unfinished },
    Rule { name: "white space", reason: "diffs show only what changed", check: white_space },
];

/// Which of our crates a crate may import, from its folder. A new edge is a design review.
const EDGES: &[(&str, &[&str])] = &[
    ("runtime", &[]),
    ("control/storage", &[]),
    ("control/apiserver", &["storage"]),
    ("control/controllers", &[]),
    ("control/scheduler", &[]),
    ("shim", &["runtime"]),
    ("control", &["apiserver", "controllers", "runtime", "scheduler", "shim", "storage"]),
    ("xtask", &[]),
];

/// Crates from outside that a crate must not import, since its seam is a protocol.
const BANS: &[(&str, &[&str])] = &[
    ("runtime", &["kube", "k8s-openapi", "axum"]),
    ("control/storage", &["kube", "k8s-openapi", "axum"]),
    ("control/apiserver", &["kube", "redb", "wasmtime"]),
    ("control/controllers", &["redb", "axum", "wasmtime"]),
    ("control/scheduler", &["redb", "axum", "wasmtime"]),
    ("shim", &["redb", "wasmtime"]),
];

/// The files that git tracks, read once.
struct Tree {
    root: PathBuf,
    files: Vec<(String, String)>,
}

/// Checks the tree at `root` against every rule.
///
/// # Errors
/// With everything that breaks a rule.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let mut found = Vec::new();
    for rule in RULES {
        for fault in (rule.check)(&tree) {
            found.push(format!("{}: {fault} ({})", rule.name, rule.reason));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!("{} faults\n{}", found.len(), found.join("\n"))
}

// === impl Tree ===

impl Tree {
    fn read(root: &Path) -> Result<Tree> {
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("run `git ls-files`")?;
        let names = String::from_utf8(listed.stdout).context("read file names")?;
        let files = names
            .lines()
            .filter_map(|name| Some((name.to_owned(), fs::read_to_string(root.join(name)).ok()?)))
            .collect::<Vec<_>>();
        if files.is_empty() {
            bail!("no files under `{}`: is it a git checkout?", root.display());
        }
        Ok(Tree { root: root.to_owned(), files })
    }

    fn rust(&self) -> impl Iterator<Item = &(String, String)> {
        self.files.iter().filter(|(name, _)| name.ends_with(".rs"))
    }
}

// === the rules ===

fn import_edges(tree: &Tree) -> Vec<String> {
    let ours: BTreeSet<&str> = EDGES.iter().flat_map(|(_, to)| to.iter().copied()).collect();
    let mut faults = Vec::new();
    for (folder, allowed) in EDGES {
        let manifest = fs::read_to_string(tree.root.join(folder).join("Cargo.toml")).unwrap_or_default();
        let imports = dependencies(&manifest);
        let bans = BANS.iter().find(|(name, _)| name == folder).map_or(&[][..], |(_, bans)| bans);
        for import in &imports {
            if ours.contains(import.as_str()) && !allowed.contains(&import.as_str()) {
                faults.push(format!("`{folder}` imports `{import}`"));
            }
            if bans.contains(&import.as_str()) {
                faults.push(format!("`{folder}` imports `{import}`"));
            }
        }
    }
    faults
}

/// The names under `[dependencies]`; tests may import what they like.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside && let Some(end) = line.find(['.', ' ', '=']) {
            names.push(line[..end].to_owned());
        }
    }
    names
}

fn module_docs(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(name, _)| format!("`{name}` does not open with `//! `"))
        .collect()
}

fn file_sizes(tree: &Tree) -> Vec<String> {
    let known = fs::read_to_string(tree.root.join("xtask/tidy.sizes")).unwrap_or_default();
    let known: Vec<(&str, usize)> = known
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(lines, name)| Some((name, lines.parse().ok()?)))
        .collect();
    let mut faults = Vec::new();
    for (name, text) in tree.rust().filter(|(name, _)| !is_test(name)) {
        let lines = text.lines().count();
        match known.iter().find(|(known, _)| known == name) {
            Some((_, allowed)) if lines > *allowed => {
                faults.push(format!("`{name}` grew from {allowed} to {lines} lines"));
            }
            Some((_, allowed)) if lines <= LINES_MAX => {
                faults.push(format!("`{name}` fell from {allowed} to {lines} lines: take it out of xtask/tidy.sizes"));
            }
            None if lines > LINES_MAX => faults.push(format!("`{name}` has {lines} lines, more than {LINES_MAX}")),
            Some(_) | None => {}
        }
    }
    let gone = known.iter().filter(|(name, _)| !tree.files.iter().any(|(file, _)| file == name));
    faults.extend(gone.map(|(name, _)| format!("`{name}` is gone: take it out of xtask/tidy.sizes")));
    let too_long = known.iter().filter(|(_, lines)| *lines > LINES_LIMIT);
    faults.extend(too_long.map(|(name, _)| format!("`{name}` is longer than {LINES_LIMIT} lines: split it")));
    faults
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("tests.rs") || name.starts_with("benches/")
}

fn machine_paths(tree: &Tree) -> Vec<String> {
    // Written in two parts, so that this file does not find itself.
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Use", "rs/")];
    let mut faults = Vec::new();
    for (name, text) in tree.files.iter().filter(|(name, _)| name != "Cargo.lock" && !name.contains("/tests/oracle/")) {
        for (number, line) in text.lines().enumerate() {
            if paths.iter().any(|path| line.contains(path)) {
                faults.push(format!("{name}:{}", number + 1));
            }
        }
    }
    faults
}

fn unfinished(tree: &Tree) -> Vec<String> {
    let marks = [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("#[ig", "nore"), concat!("FIX", "ME")];
    let mut faults = Vec::new();
    for (name, text) in tree.rust() {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{name}:{}", number + 1));
            }
        }
    }
    faults
}

fn white_space(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, text) in tree.files.iter().filter(|(name, _)| name.ends_with(".rs") || name.ends_with(".toml")) {
        for (number, line) in text.lines().enumerate() {
            if line.ends_with([' ', '\t']) {
                faults.push(format!("{name}:{}", number + 1));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        if let Err(faults) = run(&crate::root()) {
            panic!("{faults}");
        }
    }

    #[test]
    fn dev_dependencies_are_no_edges() {
        let manifest =
            "[dependencies]\nbytes.workspace = true\nshim = { path = \"\" }\n\n[dev-dependencies]\nkube = \"1\"\n";
        assert_eq!(dependencies(manifest), ["bytes", "shim"]);
    }

    #[test]
    fn a_forbidden_edge_is_found() {
        let root = std::env::temp_dir().join(format!("tidy-{}", std::process::id()));
        fs::create_dir_all(root.join("runtime")).expect("make a folder");
        fs::write(root.join("runtime/Cargo.toml"), "[dependencies]\nkube = \"1\"\nshim = \"1\"\n").expect("write");
        let faults = import_edges(&Tree { root: root.clone(), files: Vec::new() });
        fs::remove_dir_all(&root).expect("clean up");
        assert_eq!(faults, ["`runtime` imports `kube`", "`runtime` imports `shim`"]);
    }
}
