//! `coracle image` without a server: on the store itself, with plain output because nobody looks at a terminal.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs `coracle image`; whether it succeeded, and what it printed.
fn image(data: &Path, words: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_coracle"))
        .args(["image", "--data-dir"])
        .arg(data)
        .args(words)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(printed).unwrap())
}

#[test]
fn images_are_imported_listed_and_removed_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let (data, module) = (folder.path().join("data"), folder.path().join("a.wasm"));
    fs::create_dir(&data).unwrap();
    fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    let file = module.to_str().unwrap();
    for name in ["example.local/a:v1", "example.local/a:v2"] {
        let (imported, printed) = image(&data, &["import", file, name]);
        assert!(imported && printed.starts_with(&format!("imported {name} (")), "{printed}");
    }
    let (_, table) = image(&data, &["ls"]);
    let names: Vec<&str> = table.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["IMAGE", "example.local/a:v1", "example.local/a:v2"], "{table}");
    assert!(!table.contains('\x1b'), "{table}");
    // Both names are one image, and any of them takes it away.
    assert_eq!(image(&data, &["rm", "example.local/a:v2"]), (true, "removed example.local/a:v2\n".to_owned()));
    assert_eq!(image(&data, &["ls"]).1.lines().count(), 1);
    let (removed, printed) = image(&data, &["rm", "example.local/a:v1"]);
    assert!(!removed && printed.contains("no such image: example.local/a:v1"), "{printed}");
}

#[test]
fn a_pull_that_fails_says_which_image_and_why() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens on port 1.
    let (pulled, printed) = image(folder.path(), &["pull", "127.0.0.1:1/a:v1"]);
    assert!(!pulled && printed.contains("pull `127.0.0.1:1/a:v1`: 127.0.0.1:1 cannot be reached"), "{printed}");
    fs::write(folder.path().join("registries.yaml"), "mirror: {}").unwrap();
    let (pulled, printed) = image(folder.path(), &["pull", "127.0.0.1:1/a:v1"]);
    assert!(!pulled && printed.contains("is no registries.yaml"), "{printed}");
}
