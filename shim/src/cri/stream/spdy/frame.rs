//! SPDY/3.1 frames as bytes: what the head of a frame says, what a control frame means, and the few frames that a server sends.

use super::SpdyError;

/// The head of every frame.
pub(super) const HEAD_BYTES: usize = 8;
/// The longest control frame that is read. A block of headers is a few hundred bytes.
pub(super) const CONTROL_BYTES_MAX: usize = 64 * 1024;
const VERSION: u16 = 3;
const FLAG_FIN: u8 = 1;
const STREAM_MASK: u32 = 0x7fff_ffff;

/// What follows the head of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Bytes of a stream.
    Data {
        /// Which stream.
        stream: u32,
        /// The sender sends nothing more on it.
        last: bool,
        /// How many bytes follow.
        len: usize,
    },
    /// A control frame, `len` bytes long.
    Control {
        /// What kind.
        kind: u16,
        /// Its flags.
        flags: u8,
        /// How many bytes follow, at most `CONTROL_BYTES_MAX`.
        len: usize,
    },
}

/// A control frame that matters to a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control<'a> {
    /// The client opens a stream.
    SynStream {
        /// Its number.
        stream: u32,
        /// The client sends nothing on it.
        last: bool,
        /// Its headers, compressed.
        headers: &'a [u8],
    },
    /// More headers of a stream, or the headers of an answer: nobody asks for them, but they move the decompressor on.
    Headers(&'a [u8]),
    /// The client gives a stream up.
    Reset(u32),
    /// The client wants to hear that we are here.
    Ping([u8; 4]),
    /// The client opens no more streams.
    GoAway,
    /// Settings, window updates and whatever else needs no answer.
    Other,
}

/// Reads the head of a frame.
pub(super) fn head(bytes: [u8; HEAD_BYTES]) -> Result<Head, SpdyError> {
    let word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let flags = bytes[4];
    let len = u32::from_be_bytes([0, bytes[5], bytes[6], bytes[7]]) as usize;
    if word & !STREAM_MASK == 0 {
        return Ok(Head::Data { stream: word, last: flags & FLAG_FIN != 0, len });
    }
    let [version, kind] = [word >> 16 & 0x7fff, word & 0xffff];
    if version != u32::from(VERSION) {
        return Err(SpdyError::Protocol("a frame has another version than 3"));
    }
    if len > CONTROL_BYTES_MAX {
        return Err(SpdyError::Protocol("a control frame is too long"));
    }
    Ok(Head::Control { kind: u16::try_from(kind).unwrap_or(0), flags, len })
}

/// Reads the rest of a control frame.
pub(super) fn control(kind: u16, flags: u8, body: &[u8]) -> Result<Control<'_>, SpdyError> {
    let short = || SpdyError::Protocol("a control frame is too short");
    let word = |at: usize| {
        let bytes = body.get(at..at + 4).and_then(|it| <[u8; 4]>::try_from(it).ok());
        bytes.ok_or_else(short)
    };
    let stream = || word(0).map(|it| u32::from_be_bytes(it) & STREAM_MASK);
    Ok(match kind {
        1 => Control::SynStream {
            stream: stream()?,
            last: flags & FLAG_FIN != 0,
            headers: body.get(10..).ok_or_else(short)?,
        },
        2 | 8 => Control::Headers(body.get(4..).ok_or_else(short)?),
        3 => Control::Reset(stream()?),
        6 => Control::Ping(word(0)?),
        7 => Control::GoAway,
        _ => Control::Other,
    })
}

/// The head of a data frame. Its payload, `len` bytes below 16 MiB, follows.
pub(super) fn data(stream: u32, last: bool, len: usize) -> [u8; HEAD_BYTES] {
    debug_assert!(len < 1 << 24);
    let [_, a, b, c] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    let [s, t, u, v] = stream.to_be_bytes();
    [s, t, u, v, u8::from(last) * FLAG_FIN, a, b, c]
}

/// Accepts a stream, with a block of headers that `header::Deflater` made.
pub(super) fn syn_reply(stream: u32, headers: &[u8]) -> Vec<u8> {
    control_frame(2, &[&stream.to_be_bytes(), headers])
}

/// Answers a ping.
pub(super) fn ping(id: [u8; 4]) -> Vec<u8> {
    control_frame(6, &[&id])
}

/// Refuses a stream: status 3 is REFUSED_STREAM.
pub(super) fn refuse(stream: u32) -> Vec<u8> {
    control_frame(3, &[&stream.to_be_bytes(), &3_u32.to_be_bytes()])
}

fn control_frame(kind: u16, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|it| it.len()).sum();
    let [_, a, b, c] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(HEAD_BYTES + len);
    frame.extend((VERSION | 0x8000).to_be_bytes());
    frame.extend(kind.to_be_bytes());
    frame.extend([0, a, b, c]);
    parts.iter().for_each(|it| frame.extend(*it));
    frame
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn heads_tell_data_from_control() {
        assert_eq!(head(data(5, true, 70_000)).unwrap(), Head::Data { stream: 5, last: true, len: 70_000 });
        let frame = ping([0, 0, 0, 9]);
        let (start, body) = frame.split_first_chunk().unwrap();
        assert_eq!(head(*start).unwrap(), Head::Control { kind: 6, flags: 0, len: 4 });
        assert_eq!(control(6, 0, body).unwrap(), Control::Ping([0, 0, 0, 9]));
    }

    #[test]
    fn frames_that_are_wrong_are_errors() {
        assert!(head([0x80, 2, 0, 1, 0, 0, 0, 0]).is_err(), "SPDY/2");
        assert!(head([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff]).is_err(), "16 MiB of headers");
        for kind in [1, 2, 3, 6, 8] {
            assert!(control(kind, 0, &[0; 3]).is_err(), "{kind}");
        }
    }
}
