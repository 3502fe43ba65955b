//! What a durable store keeps over a restart, and what it refuses to open.

use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use storage::{Error, OpenError, Paging, Query, Revision, Storage};

use crate::objects::{create, delete, draft, in_memory, key, names, of, on_node, pods, text, update};

#[tokio::test]
async fn objects_and_revision_are_the_same_after_a_clean_stop() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let first = create(&store, key("a", "x"), on_node("1", "n1")).await;
    let gone = create(&store, key("a", "gone"), draft("1")).await;
    let second = update(&store, &first, on_node("2", "n1")).await;
    let deleted = delete(&store, &gone).await;
    drop(store);

    let store = open(directory.path());
    assert_eq!(store.revision(), deleted);
    assert_eq!(store.list(&pods(), Paging::default()).await.unwrap().objects, std::slice::from_ref(&second));
    assert!(matches!(store.watch(pods(), second.revision), Err(Error::Compacted { .. })));
    let mut watch = store.watch(pods(), deleted).unwrap();
    let third = update(&store, &second, draft("3")).await;
    assert_eq!(third.revision, Revision(deleted.0 + 1));
    assert_eq!(watch.next().await.unwrap().previous.unwrap(), second);
}

#[tokio::test]
async fn opening_and_closing_writes_no_object_and_moves_no_revision() {
    let directory = tempfile::tempdir().unwrap();
    let object = create(&open(directory.path()), key("a", "x"), draft("1")).await;
    for _ in 0..3 {
        let store = open(directory.path());
        assert_eq!(store.revision(), object.revision);
    }
}

#[tokio::test]
async fn after_an_unclean_stop_the_revision_jumps_and_watchers_list_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let object = create(&store, key("a", "x"), draft("1")).await;
    let copy = tempfile::tempdir().unwrap();
    for file in ["format", "objects.redb"] {
        std::fs::copy(directory.path().join(file), copy.path().join(file)).unwrap();
    }

    let after = open(copy.path());
    assert!(after.revision() > object.revision);
    assert_eq!(after.get(&object.key).await.unwrap().unwrap(), object);
    assert!(matches!(after.watch(pods(), object.revision), Err(Error::Compacted { .. })));
    assert!(after.watch(pods(), after.revision()).is_ok());
}

#[tokio::test]
async fn objects_in_memory_are_gone_and_their_watchers_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let kept = create(&store, of("core/nodes", "n"), draft("1")).await;
    create(&store, key("a", "lease"), in_memory("1")).await;
    let demoted = create(&store, key("a", "demoted"), draft("1")).await;
    update(&store, &demoted, in_memory("2")).await;
    let seen = store.revision();
    drop(store);

    let store = open(directory.path());
    let everything = Query { resource: "*".into(), ..pods() };
    assert_eq!(names(&store.list(&everything, Paging::default()).await.unwrap().objects), ["/n"]);
    assert!(matches!(store.watch(pods(), seen), Err(Error::Compacted { .. })));
    assert!(matches!(store.watch(everything, seen), Err(Error::Compacted { .. })));
    assert!(store.watch(Query { resource: kept.key.resource, ..pods() }, seen).is_ok());
    assert!(store.watch(pods(), store.revision()).is_ok());
}

#[tokio::test]
async fn a_store_is_open_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    assert!(matches!(storage::open(directory.path()), Err(OpenError::AlreadyOpen { .. })));
    drop(store);
    open(directory.path());
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let object = create(&open(directory.path()), key("a", "x"), draft("1")).await;
    let format = directory.path().join("format");
    std::fs::write(&format, "99\n").unwrap();
    let refused = storage::open(directory.path());
    assert!(matches!(refused, Err(OpenError::NewerFormat { found: 99, known: 1, .. })));
    std::fs::write(&format, "1\n").unwrap();
    assert_eq!(open(directory.path()).get(&object.key).await.unwrap(), Some(object));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_not_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for name in 0..50 {
        create(&store, key("a", &name.to_string()), draft(&"x".repeat(2000))).await;
    }
    drop(store);
    let file = directory.path().join("objects.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[4096..].iter_mut().step_by(7).for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&file, bytes).unwrap();
    let refused = storage::open(directory.path());
    assert!(matches!(refused, Err(OpenError::Damaged { .. } | OpenError::Disk { .. })));
}

/// redb leaves a file without a header when its creation breaks off, and cannot open that any more.
#[tokio::test]
async fn a_store_whose_making_broke_off_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("objects.new"), [0; 4096]).unwrap();
    std::fs::write(directory.path().join("format.new"), "").unwrap();
    create(&open(directory.path()), key("a", "x"), draft("1")).await;
    assert!(open(directory.path()).get(&key("a", "x")).await.unwrap().is_some());
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let _store = open(&data);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("objects.redb")), 0o600);
}

/// The history is in memory, so that what is kept of it must not grow with the number of writes.
#[tokio::test]
async fn many_writes_of_large_objects_leave_a_bounded_history() {
    let store = storage::open_memory();
    let begin = store.revision();
    let mut object = create(&store, key("a", "x"), draft("")).await;
    for _ in 0..200 {
        object = update(&store, &object, draft(&"x".repeat(100_000))).await;
    }
    assert!(matches!(store.watch(pods(), begin), Err(Error::Compacted { .. })));
    let recent = store.watch(pods(), Revision(object.revision.0 - 50));
    assert!(recent.is_ok(), "8 MiB hold 80 of these");
    assert!(text(&object).len() > 100_000);
}

fn open(directory: &Path) -> Arc<dyn Storage> {
    storage::open(directory).unwrap()
}
