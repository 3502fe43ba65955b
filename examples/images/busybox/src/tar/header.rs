//! A member's header: ustar, read with GNU's long names, pax's paths and both ways to write a large number.

use std::io;

use super::BLOCK_BYTES;
use crate::call::fail;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    File,
    Directory,
    SymbolicLink,
    HardLink,
    /// GNU: the next member's name.
    LongName,
    /// GNU: where the next member leads.
    LongTarget,
    /// pax: what is said of the next member, or of all.
    Extended,
    /// Devices and the like, which no WebAssembly program can make.
    Other,
}

/// One member.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub name: String,
    pub kind: Kind,
    pub size: u64,
    /// Seconds since 1970.
    pub modified: u64,
    pub target: String,
}

const NAME_BYTES: usize = 100;
const SIZE_AT: usize = 124;
const TIME_AT: usize = 136;
const SUM_AT: usize = 148;
const KIND_AT: usize = 156;
const TARGET_AT: usize = 157;
const MAGIC_AT: usize = 257;
const PREFIX_AT: usize = 345;
const PREFIX_BYTES: usize = 155;

/// A header's bytes. A name that does not fit has a member of its own before it.
pub fn written(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    if header.name.len() > NAME_BYTES {
        let name = format!("{}\0", header.name);
        bytes.extend(block("././@LongLink", Kind::LongName, name.len() as u64, 0));
        bytes.extend(name.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), 0);
    }
    bytes.extend(block(&header.name, header.kind, header.size, header.modified));
    bytes
}

fn block(name: &str, kind: Kind, size: u64, modified: u64) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    let name = &name.as_bytes()[..name.len().min(NAME_BYTES)];
    block[..name.len()].copy_from_slice(name);
    // A tar has modes and owners, WASI has none: what any reader may use.
    let mode: &[u8] = if kind == Kind::Directory { b"0000755\0" } else { b"0000644\0" };
    block[100..108].copy_from_slice(mode);
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    put_number(&mut block[SIZE_AT..TIME_AT], size);
    put_number(&mut block[TIME_AT..SUM_AT], modified);
    block[KIND_AT] = match kind {
        Kind::Directory => b'5',
        Kind::LongName => b'L',
        _ => b'0',
    };
    block[MAGIC_AT..MAGIC_AT + 8].copy_from_slice(b"ustar\x0000");
    let sum = format!("{:06o}\0 ", sum(&block));
    block[SUM_AT..KIND_AT].copy_from_slice(sum.as_bytes());
    block
}

/// As octal digits, or if there are too many as bytes behind a mark.
fn put_number(field: &mut [u8], number: u64) {
    let digits = format!("{number:0width$o}\0", width = field.len() - 1);
    if digits.len() == field.len() {
        field.copy_from_slice(digits.as_bytes());
    } else {
        field.fill(0);
        field[0] = 0x80;
        let at = field.len() - 8;
        field[at..].copy_from_slice(&number.to_be_bytes());
    }
}

/// Reads a header; `None` is the archive's end.
///
/// # Errors
/// It is no header.
pub fn read(block: &[u8; BLOCK_BYTES]) -> io::Result<Option<Header>> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    if number(&block[SUM_AT..KIND_AT]) != Some(sum(block)) {
        return fail("invalid tar header checksum");
    }
    let (Some(size), Some(modified)) = (number(&block[SIZE_AT..TIME_AT]), number(&block[TIME_AT..SUM_AT])) else {
        return fail("invalid number in a tar header");
    };
    let name = text(&block[..NAME_BYTES]);
    // Only in ustar is there a prefix; GNU keeps times there.
    let prefix = match &block[MAGIC_AT..MAGIC_AT + 6] {
        b"ustar\0" => text(&block[PREFIX_AT..PREFIX_AT + PREFIX_BYTES]),
        _ => String::new(),
    };
    let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
    let kind = match block[KIND_AT] {
        0 | b'7' | b'0' if name.ends_with('/') => Kind::Directory,
        0 | b'7' | b'0' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::SymbolicLink,
        b'5' => Kind::Directory,
        b'L' => Kind::LongName,
        b'K' => Kind::LongTarget,
        b'x' | b'g' => Kind::Extended,
        _ => Kind::Other,
    };
    Ok(Some(Header { name, kind, size, modified, target: text(&block[TARGET_AT..MAGIC_AT]) }))
}

/// The value of a key in a pax member: lines of `LENGTH KEY=VALUE`.
pub fn extended(member: &[u8], key: &str) -> Option<String> {
    let mut rest = member;
    loop {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
        let line = rest.get(space + 1..length.checked_sub(1)?)?;
        if let Some(value) = line.strip_prefix(key.as_bytes()).and_then(|line| line.strip_prefix(b"=")) {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
        rest = &rest[length..];
    }
}

/// The sum of a header's bytes, its own field taken as spaces.
fn sum(block: &[u8; BLOCK_BYTES]) -> u64 {
    let own = SUM_AT..KIND_AT;
    block.iter().enumerate().map(|(at, byte)| if own.contains(&at) { u64::from(b' ') } else { u64::from(*byte) }).sum()
}

fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        return Some(u64::from_be_bytes(field[field.len() - 8..].try_into().ok()?));
    }
    let digits = text(field);
    let digits = digits.trim_matches([' ', '\0']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

/// A field up to its zero.
pub fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn file(name: &str, size: u64) -> Header {
        Header { name: name.into(), kind: Kind::File, size, modified: 1_700_000_000, target: String::new() }
    }

    #[test]
    fn headers_come_back_as_they_went() {
        for header in [file("a/b", 7), file("big", 1 << 40), Header { kind: Kind::Directory, ..file("d/", 0) }] {
            let bytes = written(&header);
            assert_eq!(read(bytes.as_slice().try_into().unwrap()).unwrap(), Some(header));
        }
    }

    #[test]
    fn a_long_name_goes_before() {
        let name = "x".repeat(NAME_BYTES + 1);
        let bytes = written(&file(&name, 7));
        assert_eq!(bytes.len(), 3 * BLOCK_BYTES);
        let first = read(bytes[..BLOCK_BYTES].try_into().unwrap()).unwrap().unwrap();
        assert_eq!((first.kind, first.size), (Kind::LongName, name.len() as u64 + 1));
        assert_eq!(text(&bytes[BLOCK_BYTES..2 * BLOCK_BYTES]), name);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert_eq!(read(&[0; BLOCK_BYTES]).unwrap(), None);
        assert!(read(&[b'x'; BLOCK_BYTES]).is_err());
    }

    #[test]
    fn pax_lines_have_lengths() {
        let member = b"12 path=a/b\n27 mtime=1700000000.123456\n";
        assert_eq!(extended(member, "path").unwrap(), "a/b");
        assert_eq!(extended(member, "linkpath"), None);
        assert_eq!(extended(b"999 path=x\n", "path"), None);
        assert_eq!(extended(b"0 path=x\n", "path"), None);
    }
}
