//! Unpacks gzip: members one after another, as `gzip` and every builder of images write them.
//!
//! Checksums are not looked at: a layer is known by its digest.

use std::io::{self, BufRead, Read};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
const FLAG_HEADER_CRC: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
/// The checksum and the length at the end of a member.
const TRAILER_BYTES: usize = 8;
/// The longest file name or comment in a header.
const TEXT_BYTES_MAX: usize = 4096;

/// Reads what was packed.
pub(crate) struct Gzip<R> {
    from: R,
    state: Box<InflateState>,
    /// Inside a member, whose header was read.
    inside: bool,
}

// === impl Gzip ===

impl<R: BufRead> Gzip<R> {
    /// Reads the members of `from`.
    pub(crate) fn new(from: R) -> Self {
        Self { from, state: InflateState::new_boxed(DataFormat::Raw), inside: false }
    }

    /// Whether another member begins. What else follows a member is padding.
    fn begin(&mut self) -> io::Result<bool> {
        if !self.from.fill_buf()?.starts_with(&MAGIC[..1]) {
            return Ok(false);
        }
        let mut fixed = [0; 10];
        self.from.read_exact(&mut fixed)?;
        if fixed[..2] != MAGIC || fixed[2] != DEFLATE {
            return Err(bad("not gzip"));
        }
        let flags = fixed[3];
        if flags & FLAG_EXTRA != 0 {
            let mut length = [0; 2];
            self.from.read_exact(&mut length)?;
            skip(&mut self.from, u16::from_le_bytes(length).into())?;
        }
        for flag in [FLAG_NAME, FLAG_COMMENT] {
            if flags & flag != 0 {
                self.skip_text()?;
            }
        }
        if flags & FLAG_HEADER_CRC != 0 {
            skip(&mut self.from, 2)?;
        }
        self.state.reset(DataFormat::Raw);
        Ok(true)
    }

    fn skip_text(&mut self) -> io::Result<()> {
        let mut byte = [0];
        for _ in 0..TEXT_BYTES_MAX {
            self.from.read_exact(&mut byte)?;
            if byte[0] == 0 {
                return Ok(());
            }
        }
        Err(bad("a gzip header that does not end"))
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if buffer.is_empty() {
                return Ok(0);
            }
            if !self.inside {
                self.inside = self.begin()?;
                if !self.inside {
                    return Ok(0);
                }
            }
            let input = self.from.fill_buf()?;
            let at_end = input.is_empty();
            let step = inflate(&mut self.state, input, buffer, MZFlush::None);
            self.from.consume(step.bytes_consumed);
            match step.status {
                Ok(MZStatus::StreamEnd) => {
                    skip(&mut self.from, TRAILER_BYTES)?;
                    self.inside = false;
                }
                Ok(_) | Err(MZError::Buf) if !at_end || step.bytes_written > 0 => {}
                Ok(_) | Err(MZError::Buf) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(_) => return Err(bad("damaged gzip")),
            }
            if step.bytes_written > 0 {
                return Ok(step.bytes_written);
            }
        }
    }
}

fn skip(from: &mut impl Read, count: usize) -> io::Result<()> {
    let copied = io::copy(&mut from.take(count as u64), &mut io::sink())?;
    if copied == count as u64 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn member(text: &[u8], flags: u8, extra: &[u8]) -> Vec<u8> {
        let packed = miniz_oxide::deflate::compress_to_vec(text, 6);
        [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3], extra, &packed, &[0; TRAILER_BYTES]].concat()
    }

    fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        // A small buffer, so that members cross its ends.
        Gzip::new(io::BufReader::with_capacity(7, bytes)).read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn members_follow_one_another() {
        let long = b"abc".repeat(50_000);
        let packed = [member(&long, 0, &[]), member(b"", FLAG_NAME, b"name\0"), member(b"end", FLAG_EXTRA, &[1, 0, 9])];
        assert_eq!(unpack(&packed.concat()).unwrap(), [&long[..], b"end"].concat());
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_an_error() {
        let whole = member(&b"abc".repeat(1000), 0, &[]);
        for length in [3, 12, whole.len() - TRAILER_BYTES - 1, whole.len() - 1] {
            assert!(unpack(&whole[..length]).is_err(), "{length}");
        }
        assert!(unpack(&member(b"x", FLAG_NAME, &[b'n'; TEXT_BYTES_MAX + 1])).is_err());
        assert!(unpack(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 0xff]).is_err());
    }
}
