//! Bounds the history by time: what is older than one to two periods is forgotten, as upstream's compactor does.

use std::{sync::Arc, time::Duration};

use crate::{Revision, Storage};

/// How often history is compacted: upstream's `--etcd-compaction-interval`.
pub const COMPACTION_PERIOD: Duration = Duration::from_secs(5 * 60);

/// Compacts for ever: at each tick up to the revision of the tick before. Cancel by dropping.
pub async fn compact_periodically(storage: Arc<dyn Storage>, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    let mut previous = Revision(0);
    loop {
        ticks.tick().await;
        storage.compact(previous);
        previous = storage.revision();
    }
}
