//! What time does to a store: history and events get old.

use std::{sync::Arc, time::Duration};

use storage::{Error, Paging, Retention, Storage};

use crate::objects::{PODS, create, draft, key, names, pods, update};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn history_is_kept_for_one_to_two_periods() {
    let store = storage::open_memory();
    let compactor = tokio::spawn(storage::compact_periodically(store.clone(), storage::COMPACTION_PERIOD));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let first = create(&store, key("a", "a"), draft("")).await;
    create(&store, key("a", "b"), draft("")).await;
    tokio::time::sleep(storage::COMPACTION_PERIOD).await;
    assert!(store.watch(pods(), first.revision).is_ok());
    tokio::time::sleep(storage::COMPACTION_PERIOD).await;
    assert!(matches!(store.watch(pods(), first.revision), Err(Error::Compacted { .. })));
    compactor.abort();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_writes_for_a_lifetime_goes() {
    let store = storage::open_memory();
    let expiring = expire(&store, 100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let kept = create(&store, key("a", "written again"), draft("")).await;
    create(&store, key("a", "old"), draft("")).await;
    tokio::time::sleep(HOUR / 2).await;
    update(&store, &kept, draft("")).await;
    assert_eq!(left(&store).await.len(), 2);
    tokio::time::sleep(HOUR / 2 + HOUR / 6).await;
    assert_eq!(left(&store).await, ["a/written again"]);
    tokio::time::sleep(HOUR / 2 + HOUR / 6).await;
    assert_eq!(left(&store).await, [""; 0]);
    expiring.abort();
}

#[tokio::test(start_paused = true)]
async fn of_too_many_the_oldest_go() {
    let store = storage::open_memory();
    for name in ["c", "b", "a"] {
        create(&store, key("a", name), draft("")).await;
    }
    let expiring = expire(&store, 2);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(left(&store).await, ["a/a", "a/b"]);
    expiring.abort();
}

fn expire(store: &Arc<dyn Storage>, objects_max: usize) -> tokio::task::JoinHandle<()> {
    let retention = Retention { resource: PODS.into(), lifetime: HOUR, objects_max };
    tokio::spawn(storage::expire_periodically(store.clone(), retention))
}

async fn left(store: &Arc<dyn Storage>) -> Vec<String> {
    names(&store.list(&pods(), Paging::default()).await.unwrap().objects)
}
