//! The store keeps what it was given and survives what it was not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use super::*;

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn module(dir: &Path, tail: &[u8]) -> std::path::PathBuf {
    let path = dir.join("a.wasm");
    fs::write(&path, [MODULE, tail].concat()).unwrap();
    path
}

#[test]
fn an_imported_module_is_found_by_every_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = ImageStore::open(&dir.path().join("images")).unwrap();
    let image = store.import("example.local/hello:v1", &module(dir.path(), b"")).unwrap();
    assert_eq!(image.references, ["example.local/hello:v1"]);
    assert_eq!(image.modules, ["/hello.wasm"]);
    assert_eq!(image.entrypoint, ["/hello.wasm"]);
    assert_eq!(image.size_bytes, 8);
    for name in ["example.local/hello:v1", &image.id, &format!("example.local/hello@{}", image.id)] {
        assert_eq!(store.resolve(name).unwrap().as_ref(), Some(&image), "{name}");
    }
    for name in ["example.local/hello", "hello:v1", "", "sha256:12", &format!("example.local/other@{}", image.id)] {
        assert_eq!(store.resolve(name).unwrap(), None, "{name}");
    }
}

#[test]
fn images_survive_reopening_and_half_written_files_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("images");
    let image = ImageStore::open(&root).unwrap().import("a", &module(dir.path(), b"")).unwrap();
    let leftovers = ["blobs/sha256/incoming.tmp", "manifests/x.json.tmp", "manifests/12.json"];
    for leftover in leftovers {
        fs::write(root.join(leftover), b"half").unwrap();
    }
    let store = ImageStore::open(&root).unwrap();
    assert_eq!(store.list().unwrap(), [image]);
    for leftover in leftovers {
        assert!(!root.join(leftover).exists(), "{leftover}");
    }
}

#[test]
fn a_reference_without_its_manifest_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("images");
    let image = ImageStore::open(&root).unwrap().import("a", &module(dir.path(), b"")).unwrap();
    fs::remove_file(root.join("manifests").join(format!("{}.json", hex(&image.id)))).unwrap();
    let store = ImageStore::open(&root).unwrap();
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.resolve("a").unwrap(), None);
}

#[test]
fn removing_the_last_reference_removes_the_blobs() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("images");
    let store = ImageStore::open(&root).unwrap();
    store.import("a", &module(dir.path(), b"")).unwrap();
    let image = store.import("b", &module(dir.path(), b"x")).unwrap();
    let twice = store.import("c", &module(dir.path(), b"x")).unwrap();
    // Another module path makes another image of the same blob.
    assert_ne!(twice.id, image.id);
    assert!(store.remove("b").unwrap());
    assert!(!store.remove("b").unwrap());
    assert_eq!(fs::read_dir(root.join("blobs/sha256")).unwrap().count(), 2);
    assert!(store.remove(&twice.id).unwrap());
    assert_eq!(fs::read_dir(root.join("blobs/sha256")).unwrap().count(), 1);
    assert_eq!(store.list().unwrap().len(), 1);
}

/// A program goes on that has files of an image that is removed.
#[test]
fn the_files_of_a_removed_image_stay_while_somebody_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("images");
    let store = std::sync::Arc::new(ImageStore::open(&root).unwrap());
    let image = store.import("a", &module(dir.path(), b"")).unwrap();
    let files = store.files(&image.id).unwrap();
    let blobs = || fs::read_dir(root.join("blobs/sha256")).unwrap().count();
    assert!(store.remove("a").unwrap());
    assert_eq!((store.list().unwrap().len(), blobs()), (0, 1));
    drop(files);
    store.import("b", &module(dir.path(), b"x")).unwrap();
    assert_eq!(blobs(), 1);
}

#[test]
fn importing_again_moves_the_reference() {
    let dir = tempfile::tempdir().unwrap();
    let store = ImageStore::open(&dir.path().join("images")).unwrap();
    let first = store.import("a", &module(dir.path(), b"")).unwrap();
    let second = store.import("a", &module(dir.path(), b"x")).unwrap();
    assert_eq!(store.resolve("a").unwrap().unwrap().id, second.id);
    assert_eq!(store.resolve(&first.id).unwrap(), None);
}

#[test]
fn a_directory_is_an_image_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("bin")).unwrap();
    module(&source.join("bin"), b"");
    fs::write(source.join("data.txt"), b"data").unwrap();
    fs::write(source.join("image.json"), br#"{"entrypoint":["/bin/a.wasm"],"env":{"A":"1"}}"#).unwrap();
    let store = ImageStore::open(&dir.path().join("images")).unwrap();
    fs::hard_link(source.join("bin/a.wasm"), source.join("bin/b")).unwrap();
    let image = store.import("a", &source).unwrap();
    assert_eq!(image.modules, ["/bin/a.wasm", "/bin/b"]);
    assert_eq!(image.size_bytes, 8 + 4, "one file by two names, and the data");
    assert_eq!(image.env, [("A".to_owned(), "1".to_owned())]);
    let files = store.manifest(&image.id).unwrap().files;
    assert_eq!(files.keys().collect::<Vec<_>>(), ["/bin/a.wasm", "/bin/b", "/data.txt"]);
}

/// Rootfs directories are full of links, and an absolute one means the root of the image.
#[test]
fn a_link_to_a_file_of_the_directory_is_that_file() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("bin")).unwrap();
    module(&source.join("bin"), b"");
    fs::write(dir.path().join("secret"), "secret").unwrap();
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, source.join("bin").join(name)).unwrap();
    link("a.wasm", "near");
    link("/bin/a.wasm", "absolute");
    link("../bin/./near", "twice");
    let store = ImageStore::open(&dir.path().join("images")).unwrap();
    let image = store.import("a", &source).unwrap();
    assert_eq!(image.modules, ["/bin/a.wasm", "/bin/absolute", "/bin/near", "/bin/twice"]);
    assert_eq!(image.size_bytes, 8);
    for target in ["../../secret", "/etc/passwd", "/bin", "none", "bad", "/bin/bad"] {
        link(target, "bad");
        let refused = store.import("b", &source).unwrap_err().to_string();
        assert!(refused.contains("bin/bad` is a link that leads to no file"), "{target}: {refused}");
        fs::remove_file(source.join("bin/bad")).unwrap();
    }
}

#[test]
fn what_is_not_webassembly_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wasm");
    fs::write(&path, b"#!/bin/sh").unwrap();
    let store = ImageStore::open(&dir.path().join("images")).unwrap();
    assert!(matches!(store.import("a", &path), Err(ImageError::NotAnImage(_))));
    assert_eq!(store.list().unwrap(), []);
}

#[test]
fn the_store_is_locked_while_it_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = ImageStore::open(dir.path()).unwrap();
    assert!(matches!(ImageStore::open(dir.path()), Err(ImageError::Locked(_))));
    drop(store);
    ImageStore::open(dir.path()).unwrap();
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(ImageStore::open(dir.path()).unwrap());
    fs::write(dir.path().join("references.json"), br#"{"version":2,"references":{}}"#).unwrap();
    assert!(matches!(ImageStore::open(dir.path()), Err(ImageError::Newer { found: 2, known: 1 })));
}

#[test]
fn readers_never_see_a_change_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let store = ImageStore::open(&dir.path().join("images")).unwrap();
    let modules: Vec<_> = (0..4)
        .map(|n| {
            let path = dir.path().join(format!("{n}.wasm"));
            fs::write(&path, [MODULE, &[n]].concat()).unwrap();
            path
        })
        .collect();
    std::thread::scope(|scope| {
        for (n, module) in modules.iter().enumerate() {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..10 {
                    let image = store.import(&format!("image-{n}"), module).unwrap();
                    assert!(
                        store
                            .blob_path(&store.manifest(&image.id).unwrap().files.values().next().unwrap().digest)
                            .exists()
                    );
                    store.remove(&image.id).unwrap();
                }
            });
        }
        for _ in 0..100 {
            store.list().unwrap();
            store.resolve("image-1").unwrap();
        }
    });
    assert_eq!(store.list().unwrap(), []);
}
