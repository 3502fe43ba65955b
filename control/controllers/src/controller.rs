//! The one driver of all controllers: takes keys from a queue, reconciles a bounded number at a time, and reports.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, debug_span, warn};

use crate::{api::Error, meta::Key, queue::Queue};

/// Brings one object of the world closer to what the API says. Takes no hint of what changed.
pub(crate) trait Reconcile: Send + Sync + 'static {
    /// Observes, plans, acts and reports for the object at `key`.
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Next, Error>>;
}

/// When to look at an object again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// When something changes.
    Change,
    /// After so long, too.
    After(Duration),
}

/// Each controller works on at most so many objects at a time.
const CONCURRENT_MAX: usize = 5;
/// A key that has failed so often in a row is worth a warning; before that, it is usually a lost race.
const FAILURES_QUIET: u32 = 4;

/// Runs until `cancel`, then abandons what is in work: every reconcile can be cut off anywhere.
pub(crate) async fn run(
    name: &'static str,
    queue: Arc<Queue<Key>>,
    controller: Arc<dyn Reconcile>,
    cancel: CancellationToken,
) {
    let mut working = JoinSet::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            Some(_) = working.join_next(), if !working.is_empty() => {}
            key = queue.next(), if working.len() < CONCURRENT_MAX => {
                let span = debug_span!("reconcile", controller = name, %key);
                working.spawn(work(queue.clone(), controller.clone(), key).instrument(span));
            }
        }
    }
}

async fn work(queue: Arc<Queue<Key>>, controller: Arc<dyn Reconcile>, key: Key) {
    match controller.reconcile(&key).await {
        Ok(next) => {
            queue.forget(&key);
            if let Next::After(delay) = next {
                queue.add_after(key.clone(), delay);
            }
        }
        Err(error) => {
            let failures = queue.failures(&key);
            match failures < FAILURES_QUIET || error.is_conflict() {
                true => debug!(reason = error.message(), failures, "failed: {error}"),
                false => warn!(reason = error.message(), failures, "failed: {error}"),
            }
            queue.add_failed(key.clone());
        }
    }
    queue.done(&key);
}
