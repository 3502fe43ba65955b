//! Times as the API reads and writes them: RFC 3339 in whole seconds or with six digits, and Go's words when they are none.

use time::{Date, Month, OffsetDateTime, Time as Clock, UtcOffset};

/// How fine a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `metav1.Time`; digits after the second are dropped.
    Seconds,
    /// `metav1.MicroTime`; exactly six digits.
    Micros,
}

// === impl Precision ===

impl Precision {
    fn layout(self) -> &'static str {
        match self {
            Precision::Seconds => "2006-01-02T15:04:05Z07:00",
            Precision::Micros => "2006-01-02T15:04:05.000000Z07:00",
        }
    }
}

/// The normal form (UTC) of a time.
///
/// # Errors
/// What Go's `time.Parse` says.
pub fn normalize(text: &str, precision: Precision) -> Result<String, String> {
    Ok(format(parse(text, precision)?, precision))
}

/// The time as the API writes it.
pub fn format(time: OffsetDateTime, precision: Precision) -> String {
    let t = time.to_offset(UtcOffset::UTC);
    let (year, month, day) = (t.year(), u8::from(t.month()), t.day());
    let (hour, minute, second) = t.to_hms();
    let head = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match precision {
        Precision::Seconds => format!("{head}Z"),
        Precision::Micros => format!("{head}.{:06}Z", t.microsecond()),
    }
}

/// Reads a time.
///
/// # Errors
/// What Go's `time.Parse` says.
pub fn parse(text: &str, precision: Precision) -> Result<OffsetDateTime, String> {
    let mut cursor = Cursor { text, rest: text, precision };
    let year = cursor.number(4, 4, "2006")?;
    cursor.literal("-", "-")?;
    let month = cursor.number(2, 2, "01")?;
    let month = u8::try_from(month).ok().and_then(|m| Month::try_from(m).ok()).ok_or_else(|| cursor.range("month"))?;
    cursor.literal("-", "-")?;
    let day = cursor.number(2, 2, "02")?;
    cursor.literal("T", "T")?;
    let hour = cursor.bounded(1, "15", 24, "hour")?;
    cursor.literal(":", ":")?;
    let minute = cursor.bounded(2, "04", 60, "minute")?;
    cursor.literal(":", ":")?;
    let second = cursor.bounded(2, "05", 60, "second")?;
    let nanos = cursor.fraction()?;
    let offset = cursor.offset()?;
    if !cursor.rest.is_empty() {
        return Err(format!("parsing time {text:?}: extra text: {:?}", cursor.rest));
    }
    let date = u8::try_from(day).ok().and_then(|day| Date::from_calendar_date(year, month, day).ok());
    let date = date.ok_or_else(|| cursor.range("day"))?;
    let clock = Clock::from_hms_nano(hour, minute, second, nanos).expect("each part was bounded");
    let time = OffsetDateTime::new_in_offset(date, clock, offset);
    // The year 0 and the year 9999 may leave what can be written once they are in UTC.
    time.checked_to_offset(UtcOffset::UTC).ok_or_else(|| cursor.range("year"))
}

struct Cursor<'a> {
    text: &'a str,
    rest: &'a str,
    precision: Precision,
}

impl Cursor<'_> {
    fn bad(&self, element: &str) -> String {
        let layout = self.precision.layout();
        format!("parsing time {:?} as {layout:?}: cannot parse {:?} as {element:?}", self.text, self.rest)
    }

    fn range(&self, what: &str) -> String {
        format!("parsing time {:?}: {what} out of range", self.text)
    }

    fn literal(&mut self, wanted: &str, element: &str) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(wanted).ok_or_else(|| self.bad(element))?;
        Ok(())
    }

    fn number(&mut self, least: usize, most: usize, element: &str) -> Result<i32, String> {
        let length = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if length < least {
            return Err(self.bad(element));
        }
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(digits.parse().expect("a few digits are a number"))
    }

    fn bounded(&mut self, least: usize, element: &str, end: i32, what: &str) -> Result<u8, String> {
        let number = self.number(least, 2, element)?;
        u8::try_from(number).ok().filter(|n| i32::from(*n) < end).ok_or_else(|| self.range(what))
    }

    /// Nanoseconds after the second.
    fn fraction(&mut self) -> Result<u32, String> {
        let digits = self.rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        let pointed = self.rest.starts_with(['.', ',']);
        let taken = match self.precision {
            Precision::Micros if !pointed || digits < 6 => return Err(self.bad(".000000")),
            Precision::Micros => 6,
            Precision::Seconds if !pointed || digits == 0 => return Ok(0),
            Precision::Seconds => digits,
        };
        let (fraction, rest) = self.rest.split_at(taken + 1);
        self.rest = rest;
        let nine: String = fraction[1..].chars().chain("000000000".chars()).take(9).collect();
        Ok(nine.parse().expect("nine digits are a number"))
    }

    fn offset(&mut self) -> Result<UtcOffset, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(UtcOffset::UTC);
        }
        let at_fault = self.bad("Z07:00");
        let sign = match self.rest.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(at_fault),
        };
        self.rest = &self.rest[1..];
        let parts = (|| {
            let hours = self.number(2, 2, "")?;
            self.literal(":", "")?;
            Ok::<_, String>((hours, self.number(2, 2, "")?))
        })();
        let (hours, minutes) = parts.map_err(|_| at_fault)?;
        let (hours, minutes) = (i8::try_from(sign * hours).ok(), i8::try_from(sign * minutes).ok());
        let offset = hours.zip(minutes).and_then(|(h, m)| UtcOffset::from_hms(h, m, 0).ok());
        offset.ok_or_else(|| self.range("time zone offset hour"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn times_become_utc() {
        for (text, expected) in [
            ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05.999Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05Z"),
            ("2024-01-01T00:30:00-23:30", "2024-01-02T00:00:00Z"),
        ] {
            assert_eq!(normalize(text, Precision::Seconds).unwrap(), expected, "{text}");
        }
        let micro = normalize("2024-01-02T03:04:05.000001+01:00", Precision::Micros).unwrap();
        assert_eq!(micro, "2024-01-02T02:04:05.000001Z");
    }

    #[test]
    fn what_is_no_time_is_refused_in_the_words_of_go() {
        let layout = "as \"2006-01-02T15:04:05Z07:00\"";
        for (text, expected) in [
            ("yesterday", format!("parsing time \"yesterday\" {layout}: cannot parse \"yesterday\" as \"2006\"")),
            ("2024", format!("parsing time \"2024\" {layout}: cannot parse \"\" as \"-\"")),
            ("2024-13-01T00:00:00Z", "parsing time \"2024-13-01T00:00:00Z\": month out of range".to_owned()),
            ("2024-02-30T00:00:00Z", "parsing time \"2024-02-30T00:00:00Z\": day out of range".to_owned()),
            ("2024-02-03T24:00:00Z", "parsing time \"2024-02-03T24:00:00Z\": hour out of range".to_owned()),
            ("2024-02-03T00:00:00Zx", "parsing time \"2024-02-03T00:00:00Zx\": extra text: \"x\"".to_owned()),
            (
                "2024-02-03T00:00:00",
                format!("parsing time \"2024-02-03T00:00:00\" {layout}: cannot parse \"\" as \"Z07:00\""),
            ),
            ("é", format!("parsing time \"é\" {layout}: cannot parse \"é\" as \"2006\"")),
        ] {
            assert_eq!(normalize(text, Precision::Seconds).unwrap_err(), expected, "{text}");
        }
        let short = normalize("2024-01-02T03:04:05Z", Precision::Micros).unwrap_err();
        assert!(short.ends_with("cannot parse \"Z\" as \".000000\""), "{short}");
    }
}
