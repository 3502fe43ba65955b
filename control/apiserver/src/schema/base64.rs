//! Base64 with the error positions of Go's `encoding/base64`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The normal form of a base64 text: without line breaks, unused bits cleared.
///
/// # Errors
/// What Go says, with the byte where it stopped.
pub fn normalize(text: &str) -> Result<String, String> {
    decode(text).map(|bytes| encode(&bytes))
}

/// The text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// The bytes of `text`; line breaks are skipped.
///
/// # Errors
/// What Go says, with the byte where it stopped.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    ENGINE.decode(&packed).map_err(|_| format!("illegal base64 data at input byte {}", fault(text.as_bytes())))
}

/// Where Go stops reading a text that is no base64.
fn fault(text: &[u8]) -> usize {
    let mut filled = 0;
    let mut quantum = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'=' if filled < 2 => return at,
            b'=' => return after_padding(text, at, filled),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                filled = (filled + 1) % 4;
                quantum = if filled == 0 { at + 1 } else { quantum };
            }
            _ => return at,
        }
    }
    quantum
}

fn after_padding(text: &[u8], first: usize, filled: usize) -> usize {
    let mut rest = (first + 1..text.len()).filter(|at| !matches!(text[*at], b'\r' | b'\n'));
    if filled == 3 {
        return rest.next().unwrap_or(text.len());
    }
    match rest.next() {
        Some(second) if text[second] == b'=' => rest.next().unwrap_or(text.len()),
        Some(second) => second,
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn good_texts_get_their_normal_form() {
        for (text, expected) in [("", ""), ("YQ==", "YQ=="), ("YR==", "YQ=="), ("YW\nJj\r\n", "YWJj")] {
            assert_eq!(normalize(text).unwrap(), expected);
        }
    }

    #[test]
    fn faults_are_where_go_finds_them() {
        for (text, at) in [("%%%", 0), ("abc", 0), ("YWJjZ", 4), ("ab=", 3), ("ab=c", 3), ("a===", 1), ("YQ==YQ==", 4)]
        {
            assert_eq!(normalize(text).unwrap_err(), format!("illegal base64 data at input byte {at}"), "{text}");
        }
    }
}
