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
    let real = env!("CARGO_BIN_EXE_coracle-compile");
    let runtime = with_compiler(dir.path(), &format!("echo x >> {}\nexec {real} \"$@\"\n", counter.display()));
    let image = runtime.images().import("a", &crate::node::guest("hello-command")).unwrap();
    runtime.prepare(&image.id).await.unwrap();
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

/// A runtime of its own whose compiler is a shell script.
fn with_compiler(dir: &std::path::Path, script: &str) -> std::sync::Arc<Runtime> {
    let compiler = dir.join("compile");
    std::fs::write(&compiler, script).unwrap();
    let config = runtime::Config {
        data_dir: dir.join("data"),
        compiler: vec!["/bin/sh".into(), compiler.into()],
        address_mapping: runtime::AddressMapping::AnyIp { network: [10, 42, 0, 0].into(), prefix_len: 18 },
    };
    Runtime::open(config).unwrap()
}

#[tokio::test]
async fn a_module_that_kills_the_compiler_is_bad_and_not_tried_again() {
    let node = Node::open();
    let dir = tempfile::tempdir().unwrap();
    let count = dir.path().join("count");
    let runtime = with_compiler(dir.path(), &format!("echo x >> {}\nkill -9 $$\n", count.display()));
    let image = runtime.images().import("a", &crate::node::guest("hello-command")).unwrap();
    for _ in 0..3 {
        let start = runtime.start(node.spec(&image.id, &[])).await;
        let Err(StartError::BadModule { reason, .. }) = start else { panic!("{start:?}") };
        assert!(reason.contains("limit"), "{reason}");
    }
    assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_compiler_that_fails_is_tried_again() {
    let node = Node::open();
    let dir = tempfile::tempdir().unwrap();
    let runtime = with_compiler(dir.path(), "echo no room >&2\nexit 1\n");
    let image = runtime.images().import("a", &crate::node::guest("hello-command")).unwrap();
    for _ in 0..2 {
        let start = runtime.start(node.spec(&image.id, &[])).await;
        let Err(StartError::Failed { source, .. }) = start else { panic!("{start:?}") };
        assert!(source.to_string().contains("no room"), "{source}");
    }
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_leaves_nothing_running() {
    let node = Node::open();
    let image = node.import("actor");
    // Compiled before, so that what is given up on below is the start alone.
    node.runtime.start(node.spec(&image, &["print", "x"])).await.unwrap().wait().await;
    let mut start = Box::pin(node.runtime.start(node.spec(&image, &["flood", "10000000"])));
    assert!(futures::poll!(&mut start).is_pending());
    drop(start);
    // The process has a place again for each program that is gone.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(node.runtime.programs(), 0);
}
