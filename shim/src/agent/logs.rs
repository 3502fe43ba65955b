//! Reads CRI log files: `TIME STREAM P|F TEXT`, from any line on, and on as they grow.
//!
//! # Guarantees
//! A follower loses no line to a rotation: it leaves a file only after it has read it to its end once more, knowing that
//! it was rotated away, and goes on in the file that was begun next, as long as that has not been removed.

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
/// Rotated files (`.1` is the youngest) that are looked through for the one being read. The runtime keeps four.
const ROTATED_MAX: u32 = 8;
/// How often the next file is looked for while files are renamed under the search.
const NEXT_TRIES_MAX: u32 = 10;

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
    /// Another file has the path now: what is still in this one is all that will be.
    rotated: bool,
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
        Ok(Self {
            path: path.to_owned(),
            inode,
            rotated: false,
            file,
            options,
            left,
            within_line: false,
            pending: Vec::new(),
        })
    }

    /// The next part of the log, or `None` at its end. `ended` says whether nobody writes to it any more; it is asked
    /// each time that a follower is at the end of what there is, so it must be cheap.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn next(&mut self, mut ended: impl FnMut() -> bool) -> std::io::Result<Option<Bytes>> {
        // Once nobody writes, what is in the files then is all there is.
        let mut last_look = !self.options.follow;
        while self.left > 0 {
            if !self.read_line().await? {
                if self.options.follow && self.moved_on().await? {
                    continue;
                }
                if last_look {
                    return Ok(None);
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

    /// At the end of the file: whether there is a reason to read on at once. The first time that is because the file
    /// was found to be rotated away, perhaps with lines that came since its end was seen; the next time the next file
    /// has been opened in its place.
    async fn moved_on(&mut self) -> std::io::Result<bool> {
        if self.rotated {
            self.open_next().await?;
            return Ok(true);
        }
        // Not there for the moment between two renames, or until the next line.
        self.rotated = inode_of(&self.path).await.is_some_and(|it| it != self.inode);
        Ok(self.rotated)
    }

    /// Opens the file that was begun after this one.
    async fn open_next(&mut self) -> std::io::Result<()> {
        for _ in 0..NEXT_TRIES_MAX {
            let before = self.position().await;
            let opened = match before {
                Some(number) => File::open(numbered(&self.path, number - 1)).await,
                None => self.open_oldest().await,
            };
            // Renamed meanwhile: what was opened may be a later one.
            if let Ok(file) = opened
                && self.position().await == before
            {
                self.inode = file.metadata().await?.ino();
                self.file = BufReader::new(file);
                self.rotated = false;
                self.pending.clear();
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(std::io::Error::other("the log is rotated faster than it can be read"))
    }

    /// Which of the rotated files this one is by now; `None` if it was removed.
    async fn position(&self) -> Option<u32> {
        for number in 1..=ROTATED_MAX {
            if inode_of(&numbered(&self.path, number)).await == Some(self.inode) {
                return Some(number);
            }
        }
        None
    }

    /// Opens the oldest file that is left: what was between is lost.
    async fn open_oldest(&self) -> std::io::Result<File> {
        for number in (1..=ROTATED_MAX).rev() {
            if let Ok(file) = File::open(numbered(&self.path, number)).await {
                return Ok(file);
            }
        }
        File::open(&self.path).await
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

async fn inode_of(path: &Path) -> Option<u64> {
    tokio::fs::metadata(path).await.ok().map(|it| it.ino())
}

/// `0.log`, `0.log.1`, `0.log.2`…
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
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
mod tests;
