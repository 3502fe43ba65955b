//! What a program reads: pieces that somebody sends, until all senders are gone.

use bytes::Bytes;
use tokio::sync::mpsc;

/// What a program reads.
#[derive(Debug)]
pub(crate) struct Input {
    state: tokio::sync::Mutex<InputState>,
}

#[derive(Debug)]
struct InputState {
    sent: mpsc::Receiver<Bytes>,
    // What was received and not read yet.
    rest: Bytes,
    is_over: bool,
}

/// What a read finds.
pub(crate) enum Read {
    /// Something, or nothing yet if it is empty.
    Bytes(Bytes),
    /// The end.
    Over,
}

impl Input {
    pub(super) fn new(sent: mpsc::Receiver<Bytes>) -> Self {
        Self { state: tokio::sync::Mutex::new(InputState { sent, rest: Bytes::new(), is_over: false }) }
    }

    /// Takes up to `len` bytes of what is there.
    pub(crate) fn read(&self, len: usize) -> Read {
        // Locked only while somebody waits for input: then there is none.
        let Ok(mut state) = self.state.try_lock() else { return Read::Bytes(Bytes::new()) };
        if state.rest.is_empty() && !state.is_over {
            match state.sent.try_recv() {
                Ok(bytes) => state.rest = bytes,
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => state.is_over = true,
            }
        }
        if state.rest.is_empty() && state.is_over {
            return Read::Over;
        }
        let len = len.min(state.rest.len());
        Read::Bytes(state.rest.split_to(len))
    }

    /// Waits until a read finds something. Cancellation safe.
    pub(crate) async fn ready(&self) {
        let mut state = self.state.lock().await;
        if !state.rest.is_empty() || state.is_over {
            return;
        }
        match state.sent.recv().await {
            Some(bytes) => state.rest = bytes,
            None => state.is_over = true,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn input_comes_in_pieces_and_ends() {
        let (sender, stdin) = mpsc::channel(2);
        let input = Input::new(stdin);
        let text = |read| match read {
            Read::Bytes(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Read::Over => None,
        };
        assert_eq!(text(input.read(8)).as_deref(), Some(""), "nothing yet");
        sender.send("hello".into()).await.unwrap();
        input.ready().await;
        assert_eq!(text(input.read(2)).as_deref(), Some("he"));
        assert_eq!(text(input.read(8)).as_deref(), Some("llo"));
        drop(sender);
        input.ready().await;
        assert_eq!(text(input.read(8)), None);
    }
}
