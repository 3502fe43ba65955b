//! Paths mean what is mounted there, and lead nowhere else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::collections::HashMap;

use super::*;
use crate::spec::File;

fn set(paths: &[&str]) -> HashMap<String, File> {
    let file = || File { data: Bytes::from_static(b"x"), mode: 0o644 };
    paths.iter().map(|path| ((*path).to_owned(), file())).collect()
}

fn files(paths: &[&str]) -> MountSource {
    MountSource::Files(Arc::new(set(paths).into()))
}

fn tree(mounts: &[(&str, MountSource)]) -> Tree {
    let mount = |(path, source): &(&str, MountSource)| Mount {
        path: (*path).to_owned(),
        source: source.clone(),
        read_only: true,
    };
    Tree::new(mounts.iter().map(mount).collect(), None).unwrap()
}

fn shown(tree: &Tree, path: &str) -> String {
    match tree.look(path) {
        Ok(Node::Directory) => tree.list(path).into_keys().collect::<Vec<_>>().join(" ") + "/",
        Ok(Node::Memory(_)) => "file".to_owned(),
        Ok(Node::Host(node)) => format!("host {:?} {}", node.root, node.path),
        Err(code) => code.name().to_owned(),
    }
}

#[test]
fn paths_are_looked_up_in_the_innermost_mount() {
    let tree = tree(&[
        ("/etc/app/", files(&["a.conf", "sub/b.conf"])),
        ("/etc/app/sub/c.conf", files(&[""])),
        ("/data", MountSource::Host("/host".into())),
    ]);
    for (path, what) in [
        ("/", "data etc/"),
        ("/etc", "app/"),
        ("/etc/app", "a.conf sub/"),
        ("/etc/app/a.conf", "file"),
        ("/etc/app/sub", "b.conf c.conf/"),
        ("/etc/app/sub/c.conf", "file"),
        ("/etc/app/su", "no-entry"),
        ("/et", "no-entry"),
        ("/data", "host \"/host\" "),
        ("/data/x/y", "host \"/host\" x/y"),
        ("/database", "no-entry"),
    ] {
        assert_eq!(shown(&tree, path), what, "{path}");
    }
}

#[test]
fn the_files_of_the_image_are_under_everything() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(dir.path());
    let mount = Mount { path: "/etc/app".to_owned(), source: files(&["a"]), read_only: true };
    let tree = Tree::new(vec![mount], Some(image)).unwrap();
    assert_eq!(shown(&tree, "/"), "app.wasm etc/");
    assert_eq!(shown(&tree, "/etc"), "app x/");
    assert!(shown(&tree, "/app.wasm").starts_with("host "));
    assert_eq!(shown(&tree, "/app"), "no-entry");
    assert!(Tree::new(Vec::new(), None).is_none());
}

#[test]
fn a_part_of_an_image_can_be_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(dir.path());
    let part = |path: &str| image.clone().below(path);
    for nowhere in ["none", "et", "etc/x/y", "../etc", "etc/.."] {
        assert!(part(nowhere).is_none(), "{nowhere}");
    }
    let tree = tree(&[
        ("/all", MountSource::Image(part("").unwrap())),
        ("/part", MountSource::Image(part("/etc/").unwrap())),
        ("/file", MountSource::Image(part("./etc/x").unwrap())),
    ]);
    assert_eq!(shown(&tree, "/"), "all file part/");
    assert_eq!(shown(&tree, "/all"), "app.wasm etc/");
    assert_eq!(shown(&tree, "/part"), "x/");
    for path in ["/part/x", "/file", "/all/etc/x"] {
        assert!(shown(&tree, path).starts_with("host "), "{path}");
        assert!(tree.host(path).unwrap().read_only, "{path}");
        assert!(tree.mounted_module(path).is_none(), "{path}");
    }
    assert!(tree.mounted_module("/all/app.wasm").is_some());
}

/// A store with an image of two files.
fn image(dir: &Path) -> ImageFiles {
    let source = dir.join("source");
    std::fs::create_dir_all(source.join("etc")).unwrap();
    std::fs::write(source.join("app.wasm"), b"\0asm\x01\0\0\0").unwrap();
    std::fs::write(source.join("etc/x"), "x").unwrap();
    let store = Arc::new(crate::image::ImageStore::open(&dir.join("store")).unwrap());
    let image = store.import("example.local/two:1", &source).unwrap();
    store.files(&image.id).unwrap()
}

#[test]
fn paths_come_to_normal_form_and_stay_below_the_root() {
    for (directory, path, joined) in [
        ("/", "a", Ok("/a")),
        ("/a", "b//c/./d/", Ok("/a/b/c/d")),
        ("/a/b", "../c", Ok("/a/c")),
        ("/a", "..", Ok("/")),
        ("/a", "../..", Err(ErrorCode::NotPermitted)),
        ("/", "/etc", Err(ErrorCode::NotPermitted)),
        ("/", "a\0b", Err(ErrorCode::NotPermitted)),
        ("/", "", Err(ErrorCode::NoEntry)),
    ] {
        assert_eq!(join(directory, path), joined.map(str::to_owned), "{directory} {path}");
    }
}

#[test]
fn a_link_that_leads_out_of_its_mount_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("in")).unwrap();
    std::fs::write(dir.path().join("secret"), "x").unwrap();
    std::os::unix::fs::symlink("../secret", dir.path().join("in/out")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("in/absolute")).unwrap();
    let tree = tree(&[("/m", MountSource::Host(dir.path().join("in")))]);
    for path in ["/m/out", "/m/absolute"] {
        let opened = tree.host(path).unwrap().open(OFlags::RDONLY, Mode::empty());
        assert_eq!(opened.unwrap_err(), Errno::XDEV, "{path}");
    }
}

#[test]
fn files_in_memory_can_be_replaced_under_a_program() {
    let shared: Arc<FileSet> = Arc::new(set(&["a", "b"]).into());
    let tree = tree(&[("/conf", MountSource::Files(Arc::clone(&shared)))]);
    assert_eq!(shown(&tree, "/conf"), "a b/");
    shared.replace(set(&["a", "c"]));
    assert_eq!(shown(&tree, "/conf"), "a c/");
    assert_eq!(shown(&tree, "/conf/b"), "no-entry");
}
