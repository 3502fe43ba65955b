//! What cannot start says why, and compiling happens once.

use runtime::{Runtime, StartError};

use crate::node::Node;

#[tokio::test]
async fn an_unknown_image_is_named() {
    let node = Node::open();
    let start = node.runtime.start(node.spec("nowhere:v1", &[])).await;
    assert!(matches!(start, Err(StartError::NoImage(name)) if name == "nowhere:v1"));
}

#[tokio::test]
async fn a_module_that_is_no_component_and_no_command_is_refused() {
    let node = Node::open();
    for (name, wat, reason) in [
        ("unknown-import", r#"(module (import "env" "f" (func)) (func (export "_start") (call 0)))"#, "env"),
        ("no-start", r#"(component)"#, "wasi:cli/run"),
    ] {
        let image = node.import_wat(name, wat);
        let start = node.runtime.start(node.spec(&image, &[])).await;
        let Err(StartError::BadModule { module, reason: said }) = start else { panic!("{start:?}") };
        assert_eq!(module, format!("/{name}.wasm"));
        assert!(said.contains(reason), "{said}");
    }
}

#[tokio::test]
async fn garbage_behind_the_magic_is_refused() {
    let node = Node::open();
    let path = node.dir.path().join("garbage.wasm");
    std::fs::write(&path, b"\0asm\x0d\0\x01\0garbage").unwrap();
    let image = node.runtime.images().import("garbage", &path).unwrap();
    for _ in 0..2 {
        let start = node.runtime.start(node.spec(&image.id, &[])).await;
        assert!(matches!(start, Err(StartError::BadModule { .. })), "{start:?}");
    }
}

#[tokio::test]
async fn a_damaged_module_is_not_compiled() {
    let node = Node::open();
    let wat = "(module (func (export \"_start\")) (func (export \"damaged\")))";
    let image = node.import_wat("damaged", wat);
    let entry = node.runtime.images().manifest(&image).unwrap().files.into_values().next().unwrap();
    let blob = node.runtime.images().blob_path(&entry.digest);
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, b"\0asm\x01\0\0\0").unwrap();
    let start = node.runtime.start(node.spec(&image, &[])).await;
    assert!(matches!(start, Err(StartError::Failed { .. })), "{start:?}");
}

#[tokio::test]
async fn a_module_is_compiled_once_and_a_stale_artifact_again() {
    let node = Node::open();
    let dir = tempfile::tempdir().unwrap();
    let counter = dir.path().join("count");
    let compiler = dir.path().join("compile");
    let real = env!("CARGO_BIN_EXE_coracle-compile");
    let script = format!("#!/bin/sh\necho x >> {}\nexec {real} \"$@\"\n", counter.display());
    std::fs::write(&compiler, script).unwrap();
    let runtime = Runtime::open(runtime::Config {
        data_dir: dir.path().join("data"),
        compiler: vec!["/bin/sh".into(), compiler.into()],
        address_mapping: runtime::AddressMapping::AnyIp { network: [10, 42, 0, 0].into(), prefix_len: 18 },
    });
    let runtime = runtime.unwrap();
    let image = runtime.images().import("a", &crate::node::guest("hello-command")).unwrap();
    let starts = (0..4).map(|_| runtime.start(node.spec(&image.id, &["0", "1"])));
    for start in futures::future::join_all(starts).await {
        start.unwrap().wait().await;
    }
    let compiled = || std::fs::read_to_string(&counter).unwrap().lines().count();
    assert_eq!(compiled(), 1);
    let artifact = std::fs::read_dir(dir.path().join("data/artifacts")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&artifact).unwrap();
    std::fs::write(&artifact, b"compiled by another version").unwrap();
    runtime.start(node.spec(&image.id, &["0", "1"])).await.unwrap().wait().await;
    assert_eq!(compiled(), 2);
}
