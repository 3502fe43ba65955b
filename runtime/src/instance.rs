//! The caller's handle on a running program.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::spec::{Exit, Stats};

/// A program that was started. Clones are handles on the same program; dropping the last does not stop it.
#[derive(Clone, Debug)]
pub struct Instance {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: String,
    exit: watch::Receiver<Option<Exit>>,
    stats: Mutex<Stats>,
}

impl Instance {
    /// The id that its spec gave it.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Waits until it has ended. Cancellation safe; any number of waiters hear the same.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.shared.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|exit| exit.clone()).expect("the sender is dropped only after it has sent")
    }

    /// How it ended, or `None` while it runs.
    pub fn exit(&self) -> Option<Exit> {
        self.shared.exit.borrow().clone()
    }

    /// Asks it to end, waits up to `grace`, then kills it. Answers how it ended; idempotent.
    pub async fn stop(&self, grace: Duration) -> Exit {
        let _ = tokio::time::timeout(grace, self.wait()).await;
        self.wait().await
    }

    /// What it uses now; what it had used once it has ended.
    pub fn stats(&self) -> Stats {
        *self.shared.stats.lock()
    }
}
