//! Time: waiting, and what a moment is called.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::call::{Call, fail};
use crate::options::{number, options};

const DAY_SECONDS: i64 = 86_400;
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `sleep`: the sum of its words, each a number with a unit, or `infinity`.
///
/// # Errors
/// A word is no duration.
pub fn sleep(call: &mut Call) -> io::Result<u8> {
    if call.args.is_empty() {
        return fail("missing operand");
    }
    let mut sum = Duration::ZERO;
    for word in call.args {
        sum = sum.saturating_add(duration(word)?);
    }
    thread::sleep(sum);
    Ok(0)
}

/// A duration as `sleep` takes it.
///
/// # Errors
/// It is none.
pub fn duration(word: &str) -> io::Result<Duration> {
    if word == "infinity" || word == "inf" {
        return Ok(Duration::MAX);
    }
    let (digits, unit) = match word.as_bytes().last() {
        Some(b's') => (&word[..word.len() - 1], 1.0),
        Some(b'm') => (&word[..word.len() - 1], 60.0),
        Some(b'h') => (&word[..word.len() - 1], 3600.0),
        Some(b'd') => (&word[..word.len() - 1], DAY_SECONDS as f64),
        _ => (word, 1.0),
    };
    let seconds = digits.parse::<f64>().ok().and_then(|count| Duration::try_from_secs_f64(count * unit).ok());
    seconds.map_or_else(|| fail(format_args!("invalid number '{word}'")), Ok)
}

/// `date`: always in UTC, for a pod has no time zone.
///
/// # Errors
/// A word is not known.
pub fn date(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "ud:")?;
    let seconds = match options.value('d') {
        Some(text) => match text.strip_prefix('@') {
            Some(digits) => number(digits)?,
            None => return fail(format_args!("invalid date '{text}': only @SECONDS is known")),
        },
        None => seconds_of(SystemTime::now()),
    };
    let form = match options.words.as_slice() {
        [] => "%a %b %e %H:%M:%S UTC %Y",
        [word] if word.starts_with('+') => &word[1..],
        [word, ..] => return fail(format_args!("invalid date '{word}'")),
    };
    writeln!(call.streams.out, "{}", formatted(seconds, form))?;
    Ok(0)
}

/// A time in seconds since 1970.
pub fn seconds_of(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    }
}

/// A moment as `strftime` writes it, in UTC.
pub fn formatted(seconds: i64, form: &str) -> String {
    let (days, clock) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    let day_name = DAYS[(days + 4).rem_euclid(7) as usize];
    let month_name = MONTHS[month as usize - 1];
    let mut text = String::new();
    let mut signs = form.chars();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            text.push(sign);
            continue;
        }
        match signs.next() {
            Some('Y') => text += &year.to_string(),
            Some('y') => text += &format!("{:02}", year.rem_euclid(100)),
            Some('m') => text += &format!("{month:02}"),
            Some('d') => text += &format!("{day:02}"),
            Some('e') => text += &format!("{day:2}"),
            Some('H') => text += &format!("{hour:02}"),
            Some('M') => text += &format!("{minute:02}"),
            Some('S') => text += &format!("{second:02}"),
            Some('F') => text += &formatted(seconds, "%Y-%m-%d"),
            Some('T') => text += &formatted(seconds, "%H:%M:%S"),
            Some('s') => text += &seconds.to_string(),
            Some('a') => text += &day_name[..3],
            Some('A') => text += day_name,
            Some('b' | 'h') => text += &month_name[..3],
            Some('B') => text += month_name,
            Some('j') => text += &format!("{:03}", days - days_of(year) + 1),
            Some('u') => text += &((days + 3).rem_euclid(7) + 1).to_string(),
            Some('Z') => text += "UTC",
            Some('z') => text += "+0000",
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('%') | None => text.push('%'),
            Some(other) => text.extend(['%', other]),
        }
    }
    text
}

/// Year, month and day of a number of days since 1970, by the Gregorian calendar's cycle of 400 years that begin in
/// March, so that leap days come last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days from 1970 to the first of January of a year.
fn days_of(year: i64) -> i64 {
    let past = year - 1;
    365 * (year - 1970) + (past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)) - 477
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn moments_are_named_by_the_calendar() {
        for (seconds, text) in [
            (0, "Thu 1970-01-01 00:00:00 001"),
            (951_782_400, "Tue 2000-02-29 00:00:00 060"),
            (1_795_644_896, "Wed 2026-11-25 22:14:56 329"),
            (-1, "Wed 1969-12-31 23:59:59 365"),
        ] {
            assert_eq!(formatted(seconds, "%a %F %T %j"), text);
        }
    }

    #[test]
    fn durations_have_units() {
        for (word, seconds) in [("4321", 4321.0), ("0.5", 0.5), ("2m", 120.0), ("1h", 3600.0)] {
            assert_eq!(duration(word).unwrap(), Duration::from_secs_f64(seconds));
        }
        assert!(duration("soon").is_err() && duration("-1").is_err() && duration("").is_err());
    }
}
