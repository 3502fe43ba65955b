//! Unpacks zstd: frames one after another, with a window that cannot eat a small machine.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What RFC 8878 wants every decoder to bear, and what `zstd -19` uses.
const WINDOW_BYTES_MAX: u64 = 8 << 20;
/// Skippable frames have one of sixteen magic numbers.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;
const SKIPPABLE_MASK: u32 = 0xffff_fff0;

/// Reads what was packed.
pub(crate) struct Zstd<R> {
    from: R,
    decoder: FrameDecoder,
    inside: bool,
}

// === impl Zstd ===

impl<R: BufRead> Zstd<R> {
    /// Reads the frames of `from`.
    pub(crate) fn new(from: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Self { from, decoder, inside: false }
    }

    /// Whether another frame begins.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.from.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let mut magic = [0; 4];
            self.from.read_exact(&mut magic)?;
            if u32::from_le_bytes(magic) & SKIPPABLE_MASK != SKIPPABLE_MAGIC {
                let mut frame = (&magic[..]).chain(&mut self.from);
                self.decoder.reset(&mut frame).map_err(bad)?;
                return Ok(true);
            }
            let mut length = [0; 4];
            self.from.read_exact(&mut length)?;
            let length = u64::from(u32::from_le_bytes(length));
            if io::copy(&mut (&mut self.from).take(length), &mut io::sink())? < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside {
                self.inside = self.begin()?;
                if !self.inside {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder.decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1)).map_err(bad)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.inside = false;
        }
    }
}

fn bad(err: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, err)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Zstd::new(bytes).read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn frames_follow_one_another_and_some_say_nothing() {
        let long = b"abc".repeat(100_000);
        let skipped = [&SKIPPABLE_MAGIC.to_le_bytes()[..], &3_u32.to_le_bytes(), b"xyz"].concat();
        let frame = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
        let packed = [frame(&long), skipped, frame(b"end")].concat();
        assert_eq!(unpack(&packed).unwrap(), [&long[..], b"end"].concat());
        assert!(unpack(&packed[..packed.len() - 2]).is_err());
    }

    #[test]
    fn a_window_that_eats_the_machine_is_refused() {
        // Window descriptor 0x98: 2^29 bytes.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x98, 0x01, 0x00, 0x00];
        assert!(unpack(&frame).is_err());
    }
}
