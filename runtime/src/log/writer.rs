//! The one thread that writes all log files, so that a slow disk keeps it waiting and not the executor.
//!
//! # Guarantees
//! - What waits for the disk is bounded, per log and over all logs. Whoever wants to print more waits.
//! - Logs take turns: each gives all it has at once, and is not queued twice.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use tokio::sync::Notify;

use super::Log;

/// Over all logs. One chunk per stream may be on its way beyond it.
const BUFFERED_BYTES_MAX: usize = 8 << 20;
/// Address space; what is not touched costs nothing.
const STACK_BYTES: usize = 256 << 10;

/// The logs' end of the thread, which ends with the last of them.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Cannot fill up: a log is in it at most once, and the programs that may run are counted.
    queue: Sender<Arc<Log>>,
    buffered_bytes: AtomicUsize,
    written: Notify,
}

impl Writer {
    pub(crate) fn start() -> io::Result<Arc<Self>> {
        let (queue, logs) = mpsc::channel();
        std::thread::Builder::new().name("logs".to_owned()).stack_size(STACK_BYTES).spawn(move || write(&logs))?;
        Ok(Arc::new(Self { queue, buffered_bytes: AtomicUsize::new(0), written: Notify::new() }))
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffered_bytes.load(Ordering::Relaxed) >= BUFFERED_BYTES_MAX
    }

    /// Waits for the next batch of any log.
    pub(super) fn written(&self) -> tokio::sync::futures::Notified<'_> {
        self.written.notified()
    }

    pub(super) fn took(&self, bytes: usize) {
        self.buffered_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.buffered_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.written.notify_waiters();
    }

    pub(super) fn queue(&self, log: Arc<Log>) {
        // Fails only if the thread has panicked; then output is lost and programs run on.
        let _ = self.queue.send(log);
    }
}

fn write(logs: &Receiver<Arc<Log>>) {
    while let Ok(log) = logs.recv() {
        log.write_out();
    }
}
