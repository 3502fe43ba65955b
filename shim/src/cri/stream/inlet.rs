//! What a client has sent and nobody has read yet, bounded by bytes: one large message waits where many keystrokes find room.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Bytes that wait for a reader, as many as in a pipe of Linux.
pub(super) const WAITING_BYTES_MAX: usize = 64 * 1024;
/// Messages that wait, each of which costs some bytes more.
const MESSAGES_MAX: usize = 1_024;

/// The way in.
#[derive(Debug)]
pub(super) struct Inlet {
    sender: mpsc::Sender<Bytes>,
    room: Arc<Semaphore>,
}

/// A message with the room that it takes until the last of it was read.
struct Waiting {
    bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A way in, and what comes out of it.
pub(super) fn inlet() -> (Inlet, mpsc::Receiver<Bytes>) {
    let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
    (Inlet { sender, room: Arc::new(Semaphore::new(WAITING_BYTES_MAX)) }, receiver)
}

impl Inlet {
    /// Hands bytes over; waits while there is no room. Bytes that nobody reads any more are dropped.
    pub(super) async fn send(&self, bytes: Bytes) {
        // More than there ever is room for waits until nothing else does.
        let len = u32::try_from(bytes.len().min(WAITING_BYTES_MAX)).unwrap_or(u32::MAX);
        let room = tokio::select! {
            room = Arc::clone(&self.room).acquire_many_owned(len) => room.ok(),
            () = self.sender.closed() => return,
        };
        // Closed means that nobody reads any more.
        let _ = self.sender.send(Bytes::from_owner(Waiting { bytes, _room: room })).await;
    }

    /// Whether nobody reads any more.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use futures::FutureExt;

    use super::*;

    /// Whether it is handed over without waiting.
    fn at_once(inlet: &Inlet, bytes: Bytes) -> bool {
        tokio::task::unconstrained(inlet.send(bytes)).now_or_never().is_some()
    }

    #[tokio::test]
    async fn many_keystrokes_find_room_and_large_messages_wait_for_each_other() {
        let (inlet, mut read) = inlet();
        for _ in 0..1_000 {
            assert!(at_once(&inlet, "x".into()));
        }
        let large = Bytes::from(vec![7; 2 * WAITING_BYTES_MAX]);
        assert!(!at_once(&inlet, large.clone()), "not beside the others");
        for _ in 0..1_000 {
            read.recv().await.unwrap();
        }
        assert!(at_once(&inlet, large));
        assert!(!at_once(&inlet, "x".into()), "there is no room beside it");
        let mut first = read.recv().await.unwrap();
        let rest = first.split_off(1);
        drop(first);
        assert!(!at_once(&inlet, "x".into()), "it was not read to its end");
        drop(rest);
        assert!(at_once(&inlet, "x".into()));
    }

    #[tokio::test]
    async fn what_nobody_reads_any_more_is_dropped() {
        let (inlet, read) = inlet();
        inlet.send(Bytes::from(vec![7; WAITING_BYTES_MAX])).await;
        drop(read);
        assert!(at_once(&inlet, "x".into()));
        assert!(inlet.is_closed());
    }
}
