//! Reads CRI log files: `TIME STREAM P|F TEXT`, from any line on, and on as they grow.

use std::io::SeekFrom;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use k8s_openapi::jiff::Timestamp;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncSeekExt as _, BufReader};

/// Longest line that is read at once; the runtime splits lines at 16 KiB.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Bytes read at once when looking for lines from the end.
const BLOCK_BYTES: u64 = 16 << 10;
/// How often a file that has been read to its end is looked at again.
const POLL: Duration = Duration::from_millis(200);

/// What of a log is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Go on as it grows.
    pub(crate) follow: bool,
    /// Put its time before each line.
    pub(crate) timestamps: bool,
    /// Only so many lines from the end.
    pub(crate) tail_lines: Option<u64>,
    /// Only lines from then on.
    pub(crate) since: Option<Timestamp>,
    /// Only so many bytes.
    pub(crate) limit_bytes: Option<u64>,
}

/// A log being read.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    inode: u64,
    file: BufReader<File>,
    options: Options,
    left: u64,
    /// A line was cut: what comes next belongs to it.
    within_line: bool,
    pending: Vec<u8>,
}

// === impl Reader ===

impl Reader {
    /// Opens a log where reading shall begin.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub(crate) async fn open(path: &Path, options: Options) -> std::io::Result<Self> {
        let mut file = File::open(path).await?;
        let start = match options.tail_lines {
            Some(lines) => tail_start(&mut file, lines).await?,
            None => 0,
        };
        file.seek(SeekFrom::Start(start)).await?;
        let left = options.limit_bytes.unwrap_or(u64::MAX);
        let inode = file.metadata().await?.ino();
        let file = BufReader::new(file);
        Ok(Self { path: path.to_owned(), inode, file, options, left, within_line: false, pending: Vec::new() })
    }

    /// The next part of the log, or `None` at its end. `ended` says whether nobody writes to it any more.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn next(&mut self, ended: impl Fn() -> bool) -> std::io::Result<Option<Bytes>> {
        // Once nobody writes, what is in the file then is all there is.
        let mut last_look = !self.options.follow;
        while self.left > 0 {
            if !self.read_line().await? {
                if last_look {
                    return Ok(None);
                }
                if self.moved_on().await? {
                    continue;
                }
                last_look = ended();
                if !last_look {
                    tokio::time::sleep(POLL).await;
                }
                continue;
            }
            let line = std::mem::take(&mut self.pending);
            let Some(mut text) = self.show(&line) else { continue };
            text.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= text.len() as u64;
            if !text.is_empty() {
                return Ok(Some(text.into()));
            }
        }
        Ok(None)
    }

    /// Whether the file was rotated away, and a new one has been opened in its place.
    async fn moved_on(&mut self) -> std::io::Result<bool> {
        // Not there for the moment between two renames.
        let Ok(now) = tokio::fs::metadata(&self.path).await else { return Ok(false) };
        if now.ino() == self.inode {
            return Ok(false);
        }
        let file = File::open(&self.path).await?;
        self.inode = file.metadata().await?.ino();
        self.file = BufReader::new(file);
        Ok(true)
    }

    /// Whether `pending` has a whole line now.
    async fn read_line(&mut self) -> std::io::Result<bool> {
        let room = LINE_BYTES_MAX.saturating_sub(self.pending.len() as u64);
        (&mut self.file).take(room).read_until(b'\n', &mut self.pending).await?;
        Ok(self.pending.ends_with(b"\n") || self.pending.len() as u64 >= LINE_BYTES_MAX)
    }

    /// A line as the client sees it; `None` if it is too old or not a log line.
    fn show(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let (time, whole, text) = parse(line)?;
        if let Some(since) = self.options.since
            && time.parse::<Timestamp>().is_ok_and(|it| it < since)
        {
            return None;
        }
        let mut shown = Vec::with_capacity(text.len() + 1);
        if self.options.timestamps && !self.within_line {
            shown.extend_from_slice(time.as_bytes());
            shown.push(b' ');
        }
        shown.extend_from_slice(text);
        if whole {
            shown.push(b'\n');
        }
        self.within_line = !whole;
        Some(shown)
    }
}

/// Time, whether the line is whole, text.
fn parse(line: &[u8]) -> Option<(&str, bool, &[u8])> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut words = line.splitn(4, |it| *it == b' ');
    let (time, _stream, tags, text) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let whole = tags.split(|it| *it == b':').next() == Some(b"F");
    Some((std::str::from_utf8(time).ok()?, whole, text))
}

/// Where the last `lines` lines of a file begin.
async fn tail_start(file: &mut File, lines: u64) -> std::io::Result<u64> {
    let length = file.metadata().await?.len();
    if lines == 0 {
        return Ok(length);
    }
    let (mut end, mut seen) = (length, 0);
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES);
        file.seek(SeekFrom::Start(start)).await?;
        let mut block = Vec::new();
        (&mut *file).take(end - start).read_to_end(&mut block).await?;
        for (index, _) in block.iter().enumerate().rev().filter(|(_, it)| **it == b'\n') {
            let after = start + index as u64 + 1;
            // The line feed at the very end ends the last line and begins none.
            if after < length {
                seen += 1;
                if seen == lines {
                    return Ok(after);
                }
            }
        }
        end = start;
    }
    Ok(0)
}

/// The end of a log as one text: at most so many lines and bytes; nothing if it cannot be read.
pub(crate) async fn tail(path: &Path, lines: usize, bytes_max: usize) -> String {
    let options = Options { tail_lines: Some(lines as u64), ..Options::default() };
    let Ok(mut reader) = Reader::open(path, options).await else { return String::new() };
    let mut text = Vec::new();
    while let Ok(Some(part)) = reader.next(|| true).await {
        text.extend_from_slice(&part);
        let surplus = text.len().saturating_sub(bytes_max);
        text.drain(..surplus);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const LOG: &str = "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:01Z stderr F two\n\
                       2026-01-01T00:00:02Z stdout P thr\n2026-01-01T00:00:02Z stdout P ee\n";

    async fn read(options: Options) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        std::fs::write(&path, LOG).unwrap();
        let mut reader = Reader::open(&path, options).await.unwrap();
        let mut text = String::new();
        while let Some(part) = reader.next(|| true).await.unwrap() {
            text.push_str(std::str::from_utf8(&part).unwrap());
        }
        text
    }

    /// `oracle/kubelet/logs.txt`.
    #[tokio::test]
    async fn options_choose_what_is_shown() {
        let all = Options::default();
        assert_eq!(read(all.clone()).await, "one\ntwo\nthree");
        assert_eq!(read(Options { tail_lines: Some(3), ..all.clone() }).await, "two\nthree");
        assert_eq!(read(Options { tail_lines: Some(0), ..all.clone() }).await, "");
        assert_eq!(read(Options { tail_lines: Some(99), ..all.clone() }).await, "one\ntwo\nthree");
        assert_eq!(read(Options { limit_bytes: Some(5), ..all.clone() }).await, "one\nt");
        assert_eq!(read(Options { follow: true, ..all.clone() }).await, "one\ntwo\nthree");
        let since = Some("2026-01-01T00:00:01Z".parse().unwrap());
        assert_eq!(read(Options { since, ..all.clone() }).await, "two\nthree");
        let shown = read(Options { timestamps: true, limit_bytes: Some(50), ..all }).await;
        assert_eq!(shown, "2026-01-01T00:00:00Z one\n2026-01-01T00:00:01Z two\n");
    }

    #[tokio::test]
    async fn a_follower_goes_on_in_the_next_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        std::fs::write(&path, "2026-01-01T00:00:00Z stdout F one\n").unwrap();
        let mut reader = Reader::open(&path, Options { follow: true, ..Options::default() }).await.unwrap();
        assert_eq!(reader.next(|| false).await.unwrap().unwrap(), "one\n");
        std::fs::rename(&path, dir.path().join("0.log.1")).unwrap();
        std::fs::write(&path, "2026-01-01T00:00:01Z stdout F two\n").unwrap();
        assert_eq!(reader.next(|| false).await.unwrap().unwrap(), "two\n");
        assert_eq!(reader.next(|| true).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_end_of_a_log_is_cut_from_the_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let lines: String = (1..=100).map(|it| format!("2026-01-01T00:00:00Z stdout F {it}\n")).collect();
        std::fs::write(&path, lines).unwrap();
        assert!(tail(&path, 80, 2048).await.starts_with("21\n22\n"));
        assert_eq!(tail(&path, 80, 8).await, "\n99\n100\n");
        assert_eq!(tail(&dir.path().join("none"), 80, 8).await, "");
    }
}
