//! Reads a tar archive as layers have it (POSIX with pax headers, GNU's long names), trusting nothing it says.
//!
//! # Errors
//! A header that is damaged, too long, or of a kind that an image cannot have.

use std::io::{self, Read};

const BLOCK_BYTES: usize = 512;
/// A longer path is refused: no system opens it.
const PATH_BYTES_MAX: u64 = 4096;
/// Extended headers hold paths and times.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;
/// Extended headers before one file.
const EXTENSIONS_MAX: usize = 8;

/// One member of an archive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// As the archive has it: not checked.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) size_bytes: u64,
}

/// What a member is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// The same contents as another member.
    HardLink(String),
    /// Leads to a path, relative to its own directory or absolute.
    SymbolicLink(String),
    /// A device, a pipe, or nothing known.
    Other(u8),
}

/// An archive that is read front to back.
pub(crate) struct Archive<R> {
    from: R,
    /// Contents of the last member that were not read, and the padding behind them.
    left_bytes: u64,
    padding_bytes: u64,
}

#[derive(Default)]
struct Extension {
    path: Option<String>,
    link: Option<String>,
    size_bytes: Option<u64>,
}

// === impl Archive ===

impl<R: Read> Archive<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, left_bytes: 0, padding_bytes: 0 }
    }

    /// The next member; its contents are read from `contents` before the one after it.
    pub(crate) fn next(&mut self) -> io::Result<Option<Member>> {
        let mut extension = Extension::default();
        for _ in 0..=EXTENSIONS_MAX {
            self.skip_rest()?;
            let Some(block) = self.block()? else { return Ok(None) };
            let size_bytes = number(&block[124..136]).ok_or_else(|| bad("a size that is none"))?;
            self.expect(size_bytes);
            match block[156] {
                b'L' => extension.path = Some(self.long_name()?),
                b'K' => extension.link = Some(self.long_name()?),
                b'x' => self.read_pax(&mut extension)?,
                b'g' => {}
                kind => return self.member(&block, kind, size_bytes, extension).map(Some),
            }
        }
        Err(bad("too many headers before one file"))
    }

    /// The contents of the last member.
    pub(crate) fn contents(&mut self) -> impl Read + '_ {
        Contents(self)
    }

    /// What is behind the archive's end: padding, which counts for its digest.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        io::copy(&mut self.from, &mut io::sink()).map(drop)
    }

    fn member(&mut self, block: &[u8], kind: u8, size_bytes: u64, extension: Extension) -> io::Result<Member> {
        let size_bytes = extension.size_bytes.unwrap_or(size_bytes);
        let name = match extension.path {
            Some(path) => path,
            None => name(block)?,
        };
        let link = match extension.link {
            Some(link) => link,
            None => text(&block[157..257])?,
        };
        let kind = match kind {
            // Old archives mark a directory by a slash at its end.
            0 | b'0' | b'7' if name.ends_with('/') => Kind::Directory,
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::HardLink(link),
            b'2' => Kind::SymbolicLink(link),
            b'5' => Kind::Directory,
            other => Kind::Other(other),
        };
        // Only files have contents, whatever the header says of others.
        let size_bytes = if kind == Kind::File { size_bytes } else { 0 };
        self.expect(size_bytes);
        Ok(Member { path: name, kind, size_bytes })
    }

    fn expect(&mut self, size_bytes: u64) {
        self.left_bytes = size_bytes;
        self.padding_bytes = (BLOCK_BYTES as u64 - size_bytes % BLOCK_BYTES as u64) % BLOCK_BYTES as u64;
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let rest = self.left_bytes.saturating_add(self.padding_bytes);
        self.expect(0);
        if io::copy(&mut (&mut self.from).take(rest), &mut io::sink())? < rest {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// The next header, `None` at the end.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK_BYTES]>> {
        let mut block = [0; BLOCK_BYTES];
        // An archive may end without the two empty blocks.
        if self.from.read(&mut block[..1])? == 0 {
            return Ok(None);
        }
        self.from.read_exact(&mut block[1..])?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let spaces = 8 * u64::from(b' ');
        let outside = block[..148].iter().chain(&block[156..]);
        let sum = outside.map(|byte| u64::from(*byte)).sum::<u64>() + spaces;
        if number(&block[148..156]) != Some(sum) {
            return Err(bad("a damaged header"));
        }
        Ok(Some(block))
    }

    fn long_name(&mut self) -> io::Result<String> {
        let bytes = self.extension(PATH_BYTES_MAX)?;
        text(&bytes)
    }

    fn extension(&mut self, bytes_max: u64) -> io::Result<Vec<u8>> {
        if self.left_bytes > bytes_max {
            return Err(bad("a header that is too long"));
        }
        let (wanted, mut bytes) = (self.left_bytes, Vec::new());
        self.contents().read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < wanted { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }

    /// Records of `LENGTH KEY=VALUE\n`.
    fn read_pax(&mut self, extension: &mut Extension) -> io::Result<()> {
        let bytes = self.extension(EXTENSION_BYTES_MAX)?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (record, after) = pax_record(rest).ok_or_else(|| bad("a damaged pax header"))?;
            rest = after;
            let Some((key, value)) = record.split_once('=') else { return Err(bad("a damaged pax header")) };
            match key {
                "path" => extension.path = Some(value.to_owned()),
                "linkpath" => extension.link = Some(value.to_owned()),
                "size" => extension.size_bytes = Some(value.parse().map_err(|_| bad("a size that is none"))?),
                key if key.starts_with("GNU.sparse.") => return Err(bad("a sparse file")),
                _ => {}
            }
        }
        Ok(())
    }
}

struct Contents<'a, R>(&'a mut Archive<R>);

impl<R: Read> Read for Contents<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&mut self.0.from).take(self.0.left_bytes).read(buffer)?;
        if count == 0 && self.0.left_bytes > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.left_bytes -= count as u64;
        Ok(count)
    }
}

fn pax_record(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    Some((std::str::from_utf8(record).ok()?, &bytes[length..]))
}

fn name(block: &[u8]) -> io::Result<String> {
    let name = text(&block[..100])?;
    let prefix = if &block[257..263] == b"ustar\0" { text(&block[345..500])? } else { String::new() };
    Ok(if prefix.is_empty() { name } else { format!("{prefix}/{name}") })
}

fn text(bytes: &[u8]) -> io::Result<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8(bytes[..end].to_vec()).map_err(|_| bad("a name that is not UTF-8"))
}

/// Octal digits between spaces, or GNU's big-endian bytes.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        return field[1..].iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
