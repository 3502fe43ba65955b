//! A disk that fails at the worst moment, for every moment.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::Mutex;
use redb::StorageBackend;

use super::Redb;
use crate::{Draft, Durability, Error, Index, Key, Object, Paging, Precondition, Query, Revision, Storage};

/// The steps that a disk takes before it fails are counted over one store's life; nothing takes longer than these.
const STEPS_MAX: i64 = 120;

/// A disk whose `n`th write or sync fails, and all after it until it is mended.
#[derive(Clone, Debug)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    steps_left: Arc<AtomicI64>,
}

// === impl Disk ===

impl Disk {
    /// A disk with an empty database on it, which `open_file` makes aside so that it is never there half.
    fn failing_after(steps: i64) -> Self {
        let disk = Self { bytes: Arc::default(), steps_left: Arc::new(AtomicI64::new(i64::MAX)) };
        drop(disk.open().unwrap());
        disk.steps_left.store(steps, Ordering::SeqCst);
        disk
    }

    fn mend(&self) {
        self.steps_left.store(i64::MAX, Ordering::SeqCst);
    }

    fn step(&self) -> io::Result<()> {
        if self.steps_left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn open(&self) -> Result<Redb, crate::OpenError> {
        let disk = self.clone();
        Redb::open(Box::new(move |builder| builder.create_with_backend(disk.clone())), None)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.bytes.lock()[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step()?;
        self.bytes.lock().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step()?;
        let start = usize::try_from(offset).unwrap();
        self.bytes.lock()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn key(name: u64) -> Key {
    Key { resource: "core/pods".into(), namespace: "a".into(), name: name.to_string().into() }
}

fn draft(durability: Durability) -> Draft {
    Draft { value: vec![b'x'; 2000].into(), revision_at: 0, index: Index::default(), durability }
}

async fn create(store: &Redb, name: u64, durability: Durability) -> Result<Object, Error> {
    store.put(key(name), draft(durability), Precondition::Absent).await
}

async fn all(store: &Redb) -> Vec<Object> {
    let query = Query { resource: "core/pods".into(), namespace: "".into(), name: None, field: None };
    store.list(&query, Paging::default()).await.unwrap().objects
}

#[tokio::test]
async fn a_disk_that_fails_at_any_step_loses_nothing_acknowledged() {
    let mut failed_in_use = 0;
    for steps in 0..STEPS_MAX {
        let disk = Disk::failing_after(steps);
        let Ok(store) = disk.open() else {
            disk.mend();
            drop(disk.open().unwrap());
            continue;
        };
        let mut acked = Vec::new();
        for name in 100..120 {
            match create(&store, name, Durability::Disk).await {
                Ok(object) => acked.push(object),
                Err(Error::Unavailable { .. }) => failed_in_use += 1,
                Err(err) => panic!("step {steps}: {err}"),
            }
        }
        assert_eq!(all(&store).await, acked, "step {steps}: readers see what was acknowledged");
        let revision = store.revision();
        drop(store);

        disk.mend();
        let store = disk.open().unwrap();
        assert!(store.revision() >= revision, "step {steps}: the revision went back");
        let found = all(&store).await;
        assert!(acked.iter().all(|object| found.contains(object)), "step {steps}: an object was lost");
        assert!(found.len() <= acked.len() + 1, "step {steps}: more than the write in flight came back");
    }
    assert!(failed_in_use > 100, "the failures came while the store was in use: {failed_in_use}");
}

#[tokio::test]
async fn a_mended_disk_is_written_again_without_what_had_failed() {
    let disk = Disk::failing_after(i64::MAX);
    let store = disk.open().unwrap();
    let before = create(&store, 1, Durability::Disk).await.unwrap();
    // One step: the transaction breaks off in the middle.
    disk.steps_left.store(1, Ordering::SeqCst);
    assert!(matches!(create(&store, 2, Durability::Disk).await, Err(Error::Unavailable { .. })));
    let lease = create(&store, 3, Durability::Memory).await.unwrap();
    assert!(matches!(create(&store, 4, Durability::Disk).await, Err(Error::Unavailable { .. })));
    assert_eq!(store.get(&key(1)).await.unwrap().unwrap(), before);

    disk.mend();
    let after = loop {
        match create(&store, 5, Durability::Disk).await {
            Ok(object) => break object,
            Err(Error::Unavailable { .. }) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            Err(err) => panic!("{err}"),
        }
    };
    assert_eq!(all(&store).await, [before.clone(), lease, after.clone()]);
    drop(store);
    let store = disk.open().unwrap();
    assert_eq!(all(&store).await, [before, after.clone()]);
    assert_eq!(store.revision(), Revision(after.revision.0 + 1), "one more, because the lease is gone");
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit() {
    let disk = Disk::failing_after(i64::MAX);
    let store = disk.open().unwrap();
    create(&store, 1, Durability::Disk).await.unwrap();
    let before = disk.steps_left.load(Ordering::SeqCst);
    create(&store, 2, Durability::Disk).await.unwrap();
    let one = before - disk.steps_left.load(Ordering::SeqCst);
    let writes: Vec<_> = (100..200).map(|name| create(&store, name, Durability::Disk)).collect();
    futures::future::join_all(writes).await.into_iter().for_each(|object| drop(object.unwrap()));
    let hundred = before - one - disk.steps_left.load(Ordering::SeqCst);
    assert!(hundred < one * 50, "100 writes took {hundred} steps, one takes {one}");
}

#[tokio::test]
async fn objects_in_memory_write_nothing_but_the_ceiling() {
    let disk = Disk::failing_after(i64::MAX);
    let store = disk.open().unwrap();
    let mut object = create(&store, 1, Durability::Memory).await.unwrap();
    let before = disk.steps_left.load(Ordering::SeqCst);
    for _ in 0..1000 {
        object = store.put(object.key, draft(Durability::Memory), Precondition::At(object.revision)).await.unwrap();
    }
    assert_eq!(disk.steps_left.load(Ordering::SeqCst), before);
}
