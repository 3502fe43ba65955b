//! Writes what programs print as CRI log files: `<RFC3339Nano> stdout F <line>`.
//!
//! # Guarantees
//! - No descriptor is held between writes: an idle program costs none, and whoever rotates the file needs no signal.
//! - A line longer than 16 KiB is split into parts tagged `P`.
//! - A program that floods waits: what it prints is bounded by a rate, what the disk holds by size and count of files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::spec::LogStream;

/// As containerd splits.
const LINE_BYTES_MAX: usize = 16 << 10;
const FILE_BYTES_MAX: u64 = 10 << 20;
/// The current file and `.1` to `.4`.
const FILES_MAX: u32 = 5;
const RATE_BYTES_PER_SECOND: u64 = 1 << 20;
const BURST_BYTES: u64 = 1 << 20;
/// One write: what a stream may take at once.
pub(crate) const CHUNK_BYTES_MAX: usize = 64 << 10;

/// The log of one program.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    warned: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What each stream has printed since its last line feed.
    open_lines: [Vec<u8>; 2],
    /// When the rate will have made up for what was printed.
    due: Option<Instant>,
}

impl Log {
    pub(crate) fn new(path: PathBuf) -> Self {
        let state = State { open_lines: [Vec::new(), Vec::new()], due: None };
        Self { path, warned: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// How many bytes a stream may write now; zero while the program is over its rate.
    pub(crate) fn permit(&self) -> usize {
        if self.wait_for(Instant::now()).is_zero() { CHUNK_BYTES_MAX } else { 0 }
    }

    /// How long the program has to wait before it may write.
    pub(crate) fn wait_for(&self, now: Instant) -> Duration {
        let due = self.state.lock().due;
        let burst = Duration::from_secs(BURST_BYTES / RATE_BYTES_PER_SECOND);
        due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now).saturating_sub(burst))
    }

    /// Appends what a stream printed. A disk that fails loses output, never the program.
    pub(crate) fn write(&self, stream: LogStream, bytes: &[u8]) {
        let mut state = self.state.lock();
        state.charge(bytes.len(), Instant::now());
        let open_line = &mut state.open_lines[index(stream)];
        let lines = frame(open_line, bytes, stream, &timestamp(SystemTime::now()));
        self.append(&lines);
    }

    /// Ends lines that were never ended: the program is gone.
    pub(crate) fn finish(&self) {
        let mut state = self.state.lock();
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let open_line = std::mem::take(&mut state.open_lines[index(stream)]);
            if open_line.is_empty() {
                continue;
            }
            let mut line = Vec::new();
            push_line(&mut line, &timestamp(SystemTime::now()), stream, 'F', &open_line);
            self.append(&line);
        }
    }

    fn append(&self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        let Err(err) = append(&self.path, lines) else { return };
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(path = %self.path.display(), %err, "lost output of a program");
        }
    }
}

impl State {
    fn charge(&mut self, bytes: usize, now: Instant) {
        let cost = Duration::from_nanos(bytes as u64 * 1_000_000_000 / RATE_BYTES_PER_SECOND);
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + cost);
    }
}

fn index(stream: LogStream) -> usize {
    match stream {
        LogStream::Stdout => 0,
        LogStream::Stderr => 1,
    }
}

/// Cuts `bytes` into log lines; what has no end yet stays in `open_line`.
fn frame(open_line: &mut Vec<u8>, bytes: &[u8], stream: LogStream, time: &str) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes.len() + 64);
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (mut text, ended) = match piece.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (piece, false),
        };
        while open_line.len() + text.len() > LINE_BYTES_MAX {
            let (head, tail) = text.split_at(LINE_BYTES_MAX - open_line.len());
            open_line.extend_from_slice(head);
            push_line(&mut lines, time, stream, 'P', open_line);
            open_line.clear();
            text = tail;
        }
        open_line.extend_from_slice(text);
        if ended {
            push_line(&mut lines, time, stream, 'F', open_line);
            open_line.clear();
        }
    }
    if open_line.is_empty() {
        // An idle program keeps no buffer.
        *open_line = Vec::new();
    }
    lines
}

fn push_line(lines: &mut Vec<u8>, time: &str, stream: LogStream, tag: char, text: &[u8]) {
    let name = match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    lines.extend_from_slice(format!("{time} {name} {tag} ").as_bytes());
    lines.extend_from_slice(text);
    lines.push(b'\n');
}

fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut file = match File::options().create(true).append(true).open(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            File::options().create(true).append(true).open(path)?
        }
        opened => opened?,
    };
    file.write_all(lines)?;
    if file.metadata()?.len() >= FILE_BYTES_MAX {
        rotate(path)?;
    }
    Ok(())
}

/// `0.log` becomes `0.log.1`, which becomes `0.log.2`; the last is lost.
fn rotate(path: &Path) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        if number > 0 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    };
    for number in (0..FILES_MAX - 1).rev() {
        match fs::rename(numbered(number), numbered(number + 1)) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// RFC 3339 with nine digits, in UTC.
fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", since.subsec_nanos())
}

/// The Gregorian date of a day since 1970. Years are counted from March, so that the leap day is a year's last.
fn civil_date(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, in cycles of 400 years.
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year + u64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn framed(open_line: &mut Vec<u8>, text: &str) -> String {
        String::from_utf8(frame(open_line, text.as_bytes(), LogStream::Stdout, "T")).unwrap()
    }

    #[test]
    fn lines_are_framed_when_they_end() {
        let mut open_line = Vec::new();
        assert_eq!(framed(&mut open_line, "a"), "");
        assert_eq!(framed(&mut open_line, "b\n\nc"), "T stdout F ab\nT stdout F \n");
        assert_eq!(framed(&mut open_line, "\n"), "T stdout F c\n");
        assert_eq!(open_line.capacity(), 0);
    }

    #[test]
    fn long_lines_are_split_into_parts() {
        let mut open_line = Vec::new();
        let text = format!("{}\n", "x".repeat(LINE_BYTES_MAX + 1));
        let lines = framed(&mut open_line, &text);
        let expected = format!("T stdout P {}\nT stdout F x\n", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(lines, expected);
        assert_eq!(framed(&mut open_line, &"y".repeat(LINE_BYTES_MAX)), "");
        assert_eq!(open_line.len(), LINE_BYTES_MAX);
    }

    #[test]
    fn timestamps_are_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000000007Z"),
            (1_772_323_199, "2026-02-28T23:59:59.000000007Z"),
            (1_772_323_200, "2026-03-01T00:00:00.000000007Z"),
            (4_102_444_799, "2099-12-31T23:59:59.000000007Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::new(seconds, 7)), text);
        }
    }

    #[test]
    fn a_program_over_its_rate_waits() {
        let log = Log::new(PathBuf::new());
        let now = Instant::now();
        log.state.lock().charge(BURST_BYTES as usize, now);
        assert_eq!(log.wait_for(now), Duration::ZERO);
        log.state.lock().charge(RATE_BYTES_PER_SECOND as usize, now);
        assert_eq!(log.wait_for(now), Duration::from_secs(1));
        assert_eq!(log.permit(), 0);
        assert_eq!(log.wait_for(now + Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn files_are_rotated_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pod/0.log");
        let log = Log::new(path.clone());
        let line = vec![b'x'; LINE_BYTES_MAX];
        let per_file = FILE_BYTES_MAX as usize / LINE_BYTES_MAX;
        for _ in 0..per_file * 6 {
            log.write(LogStream::Stdout, &line);
            log.write(LogStream::Stdout, b"\n");
        }
        let mut names: Vec<_> = fs::read_dir(dir.path().join("pod")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["0.log", "0.log.1", "0.log.2", "0.log.3", "0.log.4"]);
    }

    #[test]
    fn an_open_line_is_ended_when_the_program_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(dir.path().join("0.log"));
        log.write(LogStream::Stderr, b"half");
        log.finish();
        log.finish();
        let text = fs::read_to_string(dir.path().join("0.log")).unwrap();
        assert!(text.ends_with(" stderr F half\n") && text.lines().count() == 1, "{text}");
    }
}
