//! Makes CRI log lines of what programs print: `<RFC3339Nano> stdout F <line>`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::spec::LogStream;

/// As containerd splits.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Cuts `bytes` into log lines after `lines`; what has no end yet stays in `open_line`.
pub(super) fn frame(lines: &mut Vec<u8>, open_line: &mut Vec<u8>, bytes: &[u8], stream: LogStream, time: &str) {
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (mut text, ended) = match piece.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (piece, false),
        };
        while open_line.len() + text.len() > LINE_BYTES_MAX {
            let (head, tail) = text.split_at(LINE_BYTES_MAX - open_line.len());
            open_line.extend_from_slice(head);
            push_line(lines, time, stream, 'P', open_line);
            open_line.clear();
            text = tail;
        }
        open_line.extend_from_slice(text);
        if ended {
            push_line(lines, time, stream, 'F', open_line);
            open_line.clear();
        }
    }
    if open_line.is_empty() {
        // An idle program keeps no buffer.
        *open_line = Vec::new();
    }
}

/// Adds one line as it stands in the file.
pub(super) fn push_line(lines: &mut Vec<u8>, time: &str, stream: LogStream, tag: char, text: &[u8]) {
    let name = match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    lines.extend_from_slice(format!("{time} {name} {tag} ").as_bytes());
    lines.extend_from_slice(text);
    lines.push(b'\n');
}

/// RFC 3339 with nine digits, in UTC.
pub(super) fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", since.subsec_nanos())
}

/// The Gregorian date of a day since 1970. Years are counted from March, so that the leap day is a year's last.
fn civil_date(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, in cycles of 400 years.
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year + u64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::time::Duration;

    use super::*;

    fn framed(open_line: &mut Vec<u8>, text: &str) -> String {
        let mut lines = Vec::new();
        frame(&mut lines, open_line, text.as_bytes(), LogStream::Stdout, "T");
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn lines_are_framed_when_they_end() {
        let mut open_line = Vec::new();
        assert_eq!(framed(&mut open_line, "a"), "");
        assert_eq!(framed(&mut open_line, "b\n\nc"), "T stdout F ab\nT stdout F \n");
        assert_eq!(framed(&mut open_line, "\n"), "T stdout F c\n");
        assert_eq!(open_line.capacity(), 0);
    }

    #[test]
    fn long_lines_are_split_into_parts() {
        let mut open_line = Vec::new();
        let text = format!("{}\n", "x".repeat(LINE_BYTES_MAX + 1));
        let lines = framed(&mut open_line, &text);
        let expected = format!("T stdout P {}\nT stdout F x\n", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(lines, expected);
        assert_eq!(framed(&mut open_line, &"y".repeat(LINE_BYTES_MAX)), "");
        assert_eq!(open_line.len(), LINE_BYTES_MAX);
    }

    #[test]
    fn timestamps_are_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000000007Z"),
            (1_772_323_199, "2026-02-28T23:59:59.000000007Z"),
            (1_772_323_200, "2026-03-01T00:00:00.000000007Z"),
            (4_102_444_799, "2099-12-31T23:59:59.000000007Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::new(seconds, 7)), text);
        }
    }
}
