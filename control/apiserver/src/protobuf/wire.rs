//! The wire format of protobuf: tags, varints and lengths. It never reads past its bytes.

use super::DecodeError;

/// What a field holds, before its type is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Content<'a> {
    /// An integer or boolean.
    Varint(u64),
    /// A double.
    Fixed64(u64),
    /// A float; no field of the API is one.
    Fixed32,
    /// A string, bytes, message or packed list.
    Bytes(&'a [u8]),
}

/// The fields of a message in their order. It ends after the first error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

// === impl Fields ===

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    fn read(&mut self) -> Option<(u32, Content<'a>)> {
        let tag = varint(&mut self.rest)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number != 0)?;
        let content = match tag & 7 {
            0 => Content::Varint(varint(&mut self.rest)?),
            1 => Content::Fixed64(u64::from_le_bytes(take(&mut self.rest, 8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.rest)?).ok()?;
                Content::Bytes(take(&mut self.rest, length)?)
            }
            5 => take(&mut self.rest, 4).map(|_| Content::Fixed32)?,
            _ => return None,
        };
        Some((number, content))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Content<'a>), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(DecodeError::Truncated))
    }
}

/// The integers of a packed list.
pub(super) fn varints(packed: &[u8]) -> impl Iterator<Item = Result<u64, DecodeError>> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let number = varint(&mut rest);
        if number.is_none() {
            rest = &[];
        }
        Some(number.ok_or(DecodeError::Truncated))
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
