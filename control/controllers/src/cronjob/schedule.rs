//! When a cron schedule is due, in UTC.

use time::{Date, OffsetDateTime};

use crate::clock::Time;

/// A schedule that can be asked for its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    Fields(Fields),
    /// Every so many seconds.
    Every(i64),
}

/// The minutes, hours and days of a schedule, a bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether both kinds of days have to agree, since one of them is `*`; else either will do.
    both_days: bool,
}

/// A schedule that is not due within so many days never is: `30 2` for the 30th of February.
const DAYS_MAX: i64 = 8 * 366;
const MINUTE: i64 = 60;
const MINUTES_PER_DAY: i64 = 24 * 60;

/// The short names of schedules.
const NAMED: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

// === impl Schedule ===

impl Schedule {
    /// Reads a schedule; `None` if it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Some(duration) = text.strip_prefix("@every ") {
            return seconds(duration).map(|seconds| Self::Every(seconds.max(1)));
        }
        let text = NAMED.iter().find(|(name, _)| *name == text).map_or(text, |(_, fields)| fields);
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else { return None };
        let (days, any_day) = bits(days, 1, 31, &[])?;
        let (weekdays, any_weekday) = bits(weekdays, 0, 6, &WEEKDAYS)?;
        Some(Self::Fields(Fields {
            minutes: bits(minutes, 0, 59, &[])?.0,
            hours: bits(hours, 0, 23, &[])?.0,
            days,
            months: bits(months, 1, 12, &MONTHS)?.0,
            weekdays,
            both_days: any_day || any_weekday,
        }))
    }

    /// The first time after `after`.
    pub(super) fn next(&self, after: Time) -> Option<Time> {
        match self {
            Self::Every(seconds) => Some(after.plus(*seconds)),
            Self::Fields(fields) => fields.next(after),
        }
    }

    /// The last time after `after`, up to and including `until`.
    pub(super) fn last(&self, after: Time, until: Time) -> Option<Time> {
        let last = match self {
            Self::Every(seconds) => Some(after.plus((until.0.saturating_sub(after.0)).div_euclid(*seconds) * seconds)),
            Self::Fields(fields) => fields.last(until),
        };
        last.filter(|last| *last > after)
    }
}

// === impl Fields ===

impl Fields {
    fn next(&self, after: Time) -> Option<Time> {
        let first = after.0.div_euclid(MINUTE) + 1;
        let (day, from) = (first.div_euclid(MINUTES_PER_DAY), first.rem_euclid(MINUTES_PER_DAY));
        (0..=DAYS_MAX).filter(|ahead| self.has_day(day + ahead)).find_map(|ahead| {
            let mut minutes = if ahead == 0 { from..MINUTES_PER_DAY } else { 0..MINUTES_PER_DAY };
            Some(time(day + ahead, minutes.find(|minute| self.has_minute(*minute))?))
        })
    }

    fn last(&self, until: Time) -> Option<Time> {
        let last = until.0.div_euclid(MINUTE);
        let (day, to) = (last.div_euclid(MINUTES_PER_DAY), last.rem_euclid(MINUTES_PER_DAY));
        (0..=DAYS_MAX).filter(|back| self.has_day(day - back)).find_map(|back| {
            let minutes = if back == 0 { 0..to + 1 } else { 0..MINUTES_PER_DAY };
            Some(time(day - back, minutes.rev().find(|minute| self.has_minute(*minute))?))
        })
    }

    fn has_day(&self, day: i64) -> bool {
        let Some(date) = date(day) else { return false };
        let by_date = has(self.days, date.day().into());
        let by_weekday = has(self.weekdays, date.weekday().number_days_from_sunday().into());
        let agrees = if self.both_days { by_date && by_weekday } else { by_date || by_weekday };
        agrees && has(self.months, u8::from(date.month()).into())
    }

    fn has_minute(&self, minute: i64) -> bool {
        has(self.hours, minute / MINUTE) && has(self.minutes, minute % MINUTE)
    }
}

fn has(bits: u64, value: i64) -> bool {
    bits >> value & 1 == 1
}

fn date(day: i64) -> Option<Date> {
    let at = OffsetDateTime::from_unix_timestamp(day.checked_mul(MINUTES_PER_DAY * MINUTE)?).ok()?;
    Some(at.date())
}

fn time(day: i64, minute: i64) -> Time {
    Time((day * MINUTES_PER_DAY + minute) * MINUTE)
}

/// The values of a field, and whether it is `*`.
fn bits(field: &str, min: u32, max: u32, names: &[&str]) -> Option<(u64, bool)> {
    let (mut all, mut is_any) = (0, false);
    for part in field.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (first, last) = match span.split_once('-') {
            Some((first, last)) => (number(first, min, names)?, number(last, min, names)?),
            None if matches!(span, "*" | "?") => {
                is_any |= step.unwrap_or(1) == 1;
                (min, max)
            }
            None => {
                let one = number(span, min, names)?;
                (one, if step.is_some() { max } else { one })
            }
        };
        if first < min || last > max || first > last {
            return None;
        }
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        all |= (first..=last).step_by(step).fold(0, |bits, value| bits | 1_u64 << value);
    }
    Some((all, is_any))
}

fn number(text: &str, min: u32, names: &[&str]) -> Option<u32> {
    match names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
        Some(place) => u32::try_from(place).ok().map(|place| place + min),
        None => text.parse().ok(),
    }
}

/// `1h30m`: numbers, each with a unit. Parts of a second do not count.
fn seconds(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 7] =
        [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (mut rest, mut sum) = (text.trim_start_matches('+'), 0.0);
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, factor) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        sum += rest[..rest.len() - after.len()].parse::<f64>().ok()? * factor;
        rest = &after[unit.len()..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    Some(sum as i64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn at(text: &str) -> Time {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn the_times_around_a_moment_are_found() {
        let now = at("2026-02-25T12:34:56Z");
        for (schedule, last, next) in [
            ("* * * * *", "2026-02-25T12:34:00Z", "2026-02-25T12:35:00Z"),
            ("*/15 * * * *", "2026-02-25T12:30:00Z", "2026-02-25T12:45:00Z"),
            ("5-10/5,40 12 * * *", "2026-02-25T12:10:00Z", "2026-02-25T12:40:00Z"),
            ("0 0 29 2 *", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 9 * * mon-fri", "2026-02-25T09:00:00Z", "2026-02-26T09:00:00Z"),
            // A day of either kind will do where both are named.
            ("0 0 13 * FRI", "2026-02-20T00:00:00Z", "2026-02-27T00:00:00Z"),
            ("@monthly", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("@hourly", "2026-02-25T12:00:00Z", "2026-02-25T13:00:00Z"),
        ] {
            let found = Schedule::read(schedule).unwrap();
            assert_eq!(found.last(Time(0), now).unwrap().to_string(), last, "{schedule}");
            assert_eq!(found.next(now).unwrap().to_string(), next, "{schedule}");
        }
    }

    #[test]
    fn a_fixed_pause_counts_from_the_last_time() {
        let every = Schedule::read("@every 1m30s").unwrap();
        assert_eq!(every.next(Time(10)), Some(Time(100)));
        assert_eq!(every.last(Time(10), Time(200)), Some(Time(190)));
        assert_eq!(every.last(Time(10), Time(99)), None);
    }

    #[test]
    fn what_is_never_due_or_no_schedule_has_no_time() {
        assert_eq!(Schedule::read("0 0 30 2 *").unwrap().next(Time(0)), None);
        for text in ["", "* * * *", "60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "@never", "@every x"] {
            assert_eq!(Schedule::read(text), None, "{text}");
        }
    }
}
