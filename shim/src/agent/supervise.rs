//! Keeps a pod's worker at work: one that panics is our bug, and must cost its pod a restart, not its life and address.
//!
//! # Flow
//! A panic is logged, what the worker held is released at once, and after a pause the worker starts anew from the pod's
//! status, as it does when the agent was restarted.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;

use super::pods::PodEntry;

/// The pause after the first panic; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Runs `attempt` until one ends without a panic. After each panic `release` gives back what the attempt held.
pub(super) async fn supervise<A: Future, R: Future>(
    entry: &PodEntry,
    mut attempt: impl FnMut() -> A,
    mut release: impl FnMut() -> R,
) {
    let mut panics: u32 = 0;
    loop {
        // What an attempt leaves half done is dropped with it; what is shared is behind locks that do not poison.
        // Boxed, so that a pod that lives well pays nothing for the rest of this.
        let ended = AssertUnwindSafe(Box::pin(async { attempt().await })).catch_unwind().await;
        let Err(panic) = ended else { return };
        panics = panics.saturating_add(1);
        tracing::error!(pod = %entry.name, namespace = %entry.namespace, panic = said(&*panic), panics, "a pod's worker panicked");
        if let Err(panic) = AssertUnwindSafe(Box::pin(async { release().await })).catch_unwind().await {
            tracing::error!(pod = %entry.name, panic = said(&*panic), "what a pod's worker held could not be released");
        }
        Box::pin(pause(entry, pause_after(panics))).await;
    }
}

/// Waits, but not when the pod is to be deleted: its end may well succeed where its life did not.
async fn pause(entry: &PodEntry, length: Duration) {
    let mut over = std::pin::pin!(tokio::time::sleep(length));
    loop {
        tokio::select! {
            () = &mut over => return,
            () = entry.changed.notified() => if entry.is_ending() { return },
        }
    }
}

fn pause_after(panics: u32) -> Duration {
    PAUSE_MIN.saturating_mul(2_u32.saturating_pow(panics.saturating_sub(1))).min(PAUSE_MAX)
}

/// What a panic said, if it said it in words.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use k8s_openapi::api::core::v1::Pod;

    use super::*;
    use crate::agent::admit::Requests;

    #[tokio::test]
    async fn a_worker_that_panics_gives_back_what_it_held_and_is_started_again_after_a_pause() {
        let entry = PodEntry::new(&Pod::default(), Requests::default());
        let (attempts, releases) = (Cell::new(0), Cell::new(0));
        let began = std::time::Instant::now();
        let attempt = || {
            attempts.set(attempts.get() + 1);
            let number = attempts.get();
            async move { assert!(number > 1, "attempt {number} has a bug") }
        };
        supervise(&entry, attempt, || {
            releases.set(releases.get() + 1);
            async {}
        })
        .await;
        assert_eq!((attempts.get(), releases.get()), (2, 1));
        assert!(began.elapsed() >= PAUSE_MIN);
    }

    #[test]
    fn pauses_double_and_are_bounded() {
        assert_eq!(pause_after(1), PAUSE_MIN);
        assert_eq!(pause_after(9), Duration::from_secs(256));
        assert_eq!(pause_after(u32::MAX), PAUSE_MAX);
    }
}
