//! What programs print, on its way to CRI log files.
//!
//! # Flow
//! A stream writes into its log's buffer (`line` frames it), the writer's one thread takes the buffer and appends it to
//! the file (`file`).
//!
//! # Guarantees
//! - The file is there when the program starts, and has all it printed before its end is known.
//! - No line is lost while the disk takes them, however slowly: a program that prints faster waits.
//! - A program that floods waits, too: what it prints is bounded by a rate, what the disk holds by size and count of
//!   files.

mod file;
mod line;
mod rate;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::line::{frame, push_line, timestamp};
use self::rate::Rate;
pub(crate) use self::writer::Writer;
use crate::spec::LogStream;

/// What waits for the disk before the program must wait.
const BUFFERED_BYTES_MAX: usize = 64 << 10;
/// One write: what a stream may add to that at once.
pub(crate) const CHUNK_BYTES_MAX: usize = 16 << 10;
/// The end of a program waits no longer for a disk that is stuck; what it printed is written when the disk comes back.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);

/// The log of one program.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    warned: AtomicBool,
    state: Mutex<State>,
    written: Notify,
    writer: Arc<Writer>,
}

#[derive(Debug, Default)]
struct State {
    /// What each stream has printed since its last line feed.
    open_lines: [Vec<u8>; 2],
    rate: Rate,
    /// Lines that the writer has not taken yet. Memory only while there are any.
    lines: Vec<u8>,
    /// Those lines, and those that the writer has taken and not written yet.
    unwritten_bytes: usize,
    /// Whether the writer has the log in its queue, or has taken lines and not written them yet.
    queued: bool,
}

/// What a stream has to wait for before it may write.
enum Obstacle {
    Rate(Duration),
    Disk,
}

impl Log {
    /// A log whose file exists.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) async fn create(path: PathBuf, writer: Arc<Writer>) -> io::Result<Arc<Self>> {
        let made = path.clone();
        let made = tokio::task::spawn_blocking(move || file::append(&made, b"")).await;
        made.map_err(io::Error::other)??;
        Ok(Arc::new(Self {
            path,
            warned: AtomicBool::new(false),
            state: Mutex::default(),
            written: Notify::new(),
            writer,
        }))
    }

    /// How many bytes a stream may write now; zero while it has to wait.
    pub(crate) fn permit(&self) -> usize {
        if self.obstacle(Instant::now()).is_none() { CHUNK_BYTES_MAX } else { 0 }
    }

    /// Waits until a stream may write a chunk. Cancellation safe.
    pub(crate) async fn room(&self) {
        loop {
            // Before the look, so that nothing that is written in between is missed.
            let (own, any) = (self.written.notified(), self.writer.written());
            match self.obstacle(Instant::now()) {
                None => return,
                Some(Obstacle::Rate(wait)) => tokio::time::sleep(wait).await,
                Some(Obstacle::Disk) => tokio::select! {
                    () = own => {}
                    () = any => {}
                },
            }
        }
    }

    /// Takes what a stream printed. A disk that fails loses output, never the program.
    pub(crate) fn write(self: &Arc<Self>, stream: LogStream, bytes: &[u8]) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.rate.charge(bytes.len(), Instant::now());
        let before = state.lines.len();
        let open_line = &mut state.open_lines[index(stream)];
        frame(&mut state.lines, open_line, bytes, stream, &timestamp(SystemTime::now()));
        self.hand_over(state, before);
    }

    /// Ends lines that were never ended, because the program is gone, and waits until the file has everything.
    pub(crate) async fn finish(self: &Arc<Self>) {
        self.end_lines();
        let flushed = async {
            loop {
                let written = self.written.notified();
                if !self.state.lock().queued {
                    return;
                }
                written.await;
            }
        };
        if tokio::time::timeout(FLUSH_TIMEOUT, flushed).await.is_err() {
            tracing::warn!(path = %self.path.display(), "a program ended before its log was written");
        }
    }

    fn end_lines(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let state = &mut *state;
        let before = state.lines.len();
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let open_line = std::mem::take(&mut state.open_lines[index(stream)]);
            if !open_line.is_empty() {
                push_line(&mut state.lines, &timestamp(SystemTime::now()), stream, 'F', &open_line);
            }
        }
        self.hand_over(state, before);
    }

    fn obstacle(&self, now: Instant) -> Option<Obstacle> {
        let state = self.state.lock();
        let wait = state.rate.wait(now);
        if !wait.is_zero() {
            return Some(Obstacle::Rate(wait));
        }
        (state.unwritten_bytes >= BUFFERED_BYTES_MAX || self.writer.is_full()).then_some(Obstacle::Disk)
    }

    fn hand_over(self: &Arc<Self>, state: &mut State, lines_before: usize) {
        let taken = state.lines.len() - lines_before;
        state.unwritten_bytes += taken;
        self.writer.took(taken);
        if !state.lines.is_empty() && !state.queued {
            state.queued = true;
            self.writer.queue(Arc::clone(self));
        }
    }

    /// On the writer's thread: writes what there is, and queues the log again if there is more by then.
    fn write_out(self: Arc<Self>) {
        let lines = std::mem::take(&mut self.state.lock().lines);
        if let Err(err) = file::append(&self.path, &lines)
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(path = %self.path.display(), %err, "lost output of a program");
        }
        let more = {
            let mut state = self.state.lock();
            state.unwritten_bytes -= lines.len();
            state.queued = !state.lines.is_empty();
            state.queued
        };
        self.writer.wrote(lines.len());
        self.written.notify_waiters();
        if more {
            let writer = Arc::clone(&self.writer);
            writer.queue(self);
        }
    }
}

fn index(stream: LogStream) -> usize {
    match stream {
        LogStream::Stdout => 0,
        LogStream::Stderr => 1,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use super::*;

    async fn log(path: &Path) -> Arc<Log> {
        Log::create(path.to_owned(), Writer::start().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn an_open_line_is_ended_when_the_program_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pod/0.log");
        let log = log(&path).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "", "it is there before anything is printed");
        log.write(LogStream::Stderr, b"half");
        log.finish().await;
        log.finish().await;
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(" stderr F half\n") && text.lines().count() == 1, "{text}");
    }

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let log = log(&path).await;
        log.write(LogStream::Stdout, b"one\n");
        log.finish().await;
        fs::rename(&path, dir.path().join("0.log.old")).unwrap();
        log.write(LogStream::Stdout, b"two\n");
        log.finish().await;
        assert!(fs::read_to_string(&path).unwrap().ends_with(" stdout F two\n"));
        assert!(fs::read_to_string(dir.path().join("0.log.old")).unwrap().ends_with(" stdout F one\n"));
    }

    /// A pipe that nobody reads is a disk that is stuck: the executor goes on, the program waits, and no line is lost.
    #[tokio::test]
    async fn a_stuck_disk_keeps_the_program_waiting_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
        let mut disk = fs::File::options().read(true).custom_flags(nonblocking).open(&path).unwrap();
        let log = log(&path).await;
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let mut printed = 0;
        while tokio::time::timeout(Duration::from_millis(200), log.room()).await.is_ok() {
            log.write(LogStream::Stdout, &line);
            printed += 1;
        }
        assert_eq!(log.permit(), 0);
        assert!(log.state.lock().unwritten_bytes < BUFFERED_BYTES_MAX + 2 * line.len());

        let reader = std::thread::spawn(move || {
            let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
            while text.iter().filter(|byte| **byte == b'\n').count() < printed {
                match disk.read(&mut chunk) {
                    Ok(count) => text.extend_from_slice(&chunk[..count]),
                    Err(err) => assert_eq!(err.kind(), io::ErrorKind::WouldBlock),
                }
            }
            text
        });
        log.finish().await;
        let text = reader.join().unwrap();
        let parts = [&b" stdout F "[..], &line].concat();
        assert_eq!(text.windows(parts.len()).filter(|window| *window == parts).count(), printed);
    }
}
