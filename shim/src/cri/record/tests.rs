//! What records survive: rewriting, removal, and cuts at every byte.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn record(id: &str, exit_code: i32) -> ContainerRecord {
    let mounts = vec![Mount { container_path: "/data".to_owned(), ..Default::default() }];
    ContainerRecord { id: id.to_owned(), exit_code, mounts, message: "because".repeat(9), ..Default::default() }
}

async fn write(records: &Records, id: &str, exit_code: i32) {
    let turn = records.turn().await;
    turn.write(Kind::Container, id, Durability::PowerCut, || Some(record(id, exit_code))).await.unwrap();
}

#[tokio::test]
async fn what_was_written_last_is_read_and_what_was_removed_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (records, ..) = Records::open(dir.path()).unwrap();
    write(&records, "a", 1).await;
    write(&records, "a", 3).await;
    write(&records, "b", 0).await;
    records.turn().await.remove(Kind::Container, "b").await.unwrap();
    records.turn().await.remove(Kind::Container, "b").await.unwrap();
    let (_, sandboxes, containers) = Records::open(dir.path()).unwrap();
    assert_eq!((sandboxes.len(), containers), (0, vec![record("a", 3)]));
}

/// A power cut can leave a file of the right name with only a part of its bytes, or none.
#[tokio::test]
async fn a_record_cut_anywhere_loses_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (records, ..) = Records::open(dir.path()).unwrap();
    write(&records, "whole", 3).await;
    let bytes = record("cut", 0).encode_to_vec();
    for length in 0..bytes.len() {
        fs::write(dir.path().join("containers/cut"), &bytes[..length]).unwrap();
        fs::write(dir.path().join("containers/cut.new"), &bytes[..length]).unwrap();
        let (_, _, containers) = Records::open(dir.path()).unwrap();
        assert!(containers.contains(&record("whole", 3)), "{length}");
        assert!(!dir.path().join("containers/cut.new").exists());
    }
}

#[tokio::test]
async fn without_a_directory_nothing_is_written() {
    let records = Records::none();
    let turn = records.turn().await;
    let unasked = || -> Option<ContainerRecord> { panic!("nobody needs it") };
    turn.write(Kind::Container, "a", Durability::Kill, unasked).await.unwrap();
    turn.remove(Kind::Container, "a").await.unwrap();
}
