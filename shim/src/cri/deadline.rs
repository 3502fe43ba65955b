//! How long a caller waits: what gRPC's `grpc-timeout` says.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// The header that says it.
const HEADER: &str = "grpc-timeout";
/// As gRPC bounds it.
const DIGITS_MAX: usize = 8;

/// How long the caller waits; `None` is for ever, and so is what is not understood.
pub(super) fn of(metadata: &MetadataMap) -> Option<Duration> {
    parse(metadata.get(HEADER)?.to_str().ok()?)
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > DIGITS_MAX || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_and_a_unit() {
        for (text, wanted) in [
            ("2S", Some(Duration::from_secs(2))),
            ("1M", Some(Duration::from_secs(60))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("1999m", Some(Duration::from_millis(1999))),
            ("5u", Some(Duration::from_micros(5))),
            ("7n", Some(Duration::from_nanos(7))),
            ("123456789S", None),
            ("-1S", None),
            ("S", None),
            ("1é", None),
            ("", None),
        ] {
            assert_eq!(parse(text), wanted, "{text}");
        }
    }
}
