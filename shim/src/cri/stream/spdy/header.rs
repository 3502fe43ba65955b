//! The headers of SPDY streams: one compressed stream of blocks for each direction of a connection.
//!
//! What comes in is inflated with the dictionary that both sides know; the window of 32 KiB is all that a connection keeps of it.
//! What goes out is stored, not deflated: a server sends empty blocks only, and a compressor would cost 256 KiB a connection.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::SpdyError;

/// The window of zlib, which wraps.
const WINDOW_BYTES: usize = 32 * 1024;
/// The most that the headers of one stream may be, inflated.
const BLOCK_BYTES_MAX: usize = 16 * 1024;
/// The most headers of one stream.
const HEADERS_MAX: usize = 64;
/// Two bytes of zlib's header and the Adler-32 of the dictionary.
const START_BYTES: usize = 6;
/// Bit of the second byte: a dictionary is used.
const FLAG_DICTIONARY: u8 = 0x20;

/// Words of the dictionary, each after its length in four bytes. Upstream: SPDY/3, section 2.6.10.1.
const WORDS: [&str; 65] = [
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
];

/// The rest of the dictionary.
const TEXT: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
    203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized\
    403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable\
    Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT\
    chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,\
    publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

/// Headers as they came: lower-case names, in order.
pub(crate) type Headers = Vec<(String, String)>;

/// What the client's blocks are read with.
pub(super) struct Inflater {
    state: Box<DecompressorOxide>,
    window: Box<[u8]>,
    // Invariant: below `WINDOW_BYTES`.
    at: usize,
    started: bool,
}

impl Inflater {
    pub(super) fn new() -> Self {
        let dictionary = dictionary();
        let mut window = vec![0; WINDOW_BYTES].into_boxed_slice();
        window[..dictionary.len()].copy_from_slice(&dictionary);
        Self { state: Box::default(), window, at: dictionary.len(), started: false }
    }

    /// Reads one block.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<Headers, SpdyError> {
        let block = if self.started { block } else { without_start(block)? };
        self.started = true;
        headers(&self.inflate(block)?)
    }

    fn inflate(&mut self, mut block: &[u8]) -> Result<Vec<u8>, SpdyError> {
        let mut text = Vec::new();
        loop {
            let (status, read, written) =
                decompress(&mut self.state, block, &mut self.window, self.at, TINFL_FLAG_HAS_MORE_INPUT);
            block = &block[read..];
            text.extend(&self.window[self.at..self.at + written]);
            self.at = (self.at + written) % WINDOW_BYTES;
            if text.len() > BLOCK_BYTES_MAX {
                return Err(SpdyError::Protocol("the headers of a stream are too long"));
            }
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if block.is_empty() => return Ok(text),
                _ => return Err(SpdyError::Protocol("headers are not compressed as they should be")),
            }
        }
    }
}

/// What our blocks are written with: nothing but whether zlib's header was sent.
#[derive(Default)]
pub(super) struct Deflater {
    started: bool,
}

impl Deflater {
    /// A block without headers.
    pub(super) fn empty_block(&mut self) -> Vec<u8> {
        // Without a dictionary, least compression; the two bytes are a multiple of 31.
        let mut block = if self.started { Vec::new() } else { vec![0x78, 0x01] };
        self.started = true;
        // A stored block of four bytes, the count of headers, and an empty one: the flush that readers wait for.
        block.extend([0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0]);
        block.extend([0, 0, 0, 0xff, 0xff]);
        block
    }
}

fn dictionary() -> Vec<u8> {
    let word = |word: &&str| [&u32::try_from(word.len()).unwrap_or(0).to_be_bytes(), word.as_bytes()].concat();
    let mut bytes: Vec<u8> = WORDS.iter().flat_map(word).collect();
    bytes.extend(TEXT.as_bytes());
    bytes
}

/// The first block begins with zlib's header.
fn without_start(block: &[u8]) -> Result<&[u8], SpdyError> {
    let Some((start, rest)) = block.split_at_checked(START_BYTES) else {
        return Err(SpdyError::Protocol("the first headers are too short"));
    };
    let deflate_with_dictionary = start[0] & 0x0f == 8 && start[1] & FLAG_DICTIONARY != 0;
    if !deflate_with_dictionary {
        return Err(SpdyError::Protocol("headers are compressed without the dictionary"));
    }
    Ok(rest)
}

/// Reads a block: a count, then names and values, each after its length.
fn headers(mut text: &[u8]) -> Result<Headers, SpdyError> {
    let count = number(&mut text)?;
    if count > HEADERS_MAX {
        return Err(SpdyError::Protocol("a stream has too many headers"));
    }
    (0..count).map(|_| Ok((string(&mut text)?, string(&mut text)?))).collect()
}

fn number(text: &mut &[u8]) -> Result<usize, SpdyError> {
    let Some((bytes, rest)) = text.split_first_chunk() else { return Err(CUT_OFF) };
    *text = rest;
    Ok(u32::from_be_bytes(*bytes) as usize)
}

fn string(text: &mut &[u8]) -> Result<String, SpdyError> {
    let len = number(text)?;
    let (bytes, rest) = text.split_at_checked(len).ok_or(CUT_OFF)?;
    *text = rest;
    String::from_utf8(bytes.to_vec()).map_err(|_| SpdyError::Protocol("a header is not UTF-8"))
}

const CUT_OFF: SpdyError = SpdyError::Protocol("the headers of a stream are cut off");

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// Two blocks that Go's compress/zlib made with the dictionary: `streamtype: stdin`, then `streamtype: stdout` with `port: 80`.
    const FROM_GO: [&str; 2] = [GO_FIRST, GO_SECOND];
    const GO_FIRST: &str = "78f9e3c6a7c26260606004a7b392a2d4c45c6851c25a5c92929907000000ffff";
    const GO_SECOND: &str = "02651c0c29b6e292947c7019cd52905f04a2992c0c00000000ffff";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_dictionary_is_the_protocols() {
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in dictionary() {
            a = (a + u32::from(byte)) % 65521;
            b = (b + a) % 65521;
        }
        assert_eq!(b << 16 | a, 0xe3c6_a7c2);
    }

    #[test]
    fn blocks_of_a_go_client_are_read_in_order() {
        let mut inflater = Inflater::new();
        let read: Vec<Headers> = FROM_GO.iter().map(|it| inflater.read(&bytes(it)).unwrap()).collect();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read[0], [header("streamtype", "stdin")]);
        assert_eq!(read[1], [header("streamtype", "stdout"), header("port", "80")]);
    }

    #[test]
    fn long_lived_connections_go_around_the_window() {
        let mut inflater = Inflater::new();
        inflater.read(&bytes(GO_FIRST)).unwrap();
        // Stored blocks of one header: 1,000 times 90 bytes are more than the window.
        let value = "x".repeat(64);
        let text =
            [&1_u32.to_be_bytes()[..], &4_u32.to_be_bytes(), b"name", &64_u32.to_be_bytes(), value.as_bytes()].concat();
        let len = u16::try_from(text.len()).unwrap();
        let block = [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), &text].concat();
        for _ in 0..1_000 {
            assert_eq!(inflater.read(&block).unwrap(), [("name".to_owned(), value.clone())]);
        }
    }

    #[test]
    fn blocks_that_are_wrong_are_errors() {
        for block in [&[][..], &[0x78, 0x01, 0, 0, 0, 0, 0], &[0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2, 0xff, 0xff]] {
            assert!(Inflater::new().read(block).is_err(), "{block:?}");
        }
        let mut cut_off = bytes(GO_FIRST);
        cut_off.truncate(12);
        assert!(Inflater::new().read(&cut_off).is_err());
    }
}
