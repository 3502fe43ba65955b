//! Points in time as the API writes them: whole seconds in RFC 3339, or microseconds for events and leases.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A point in time in whole seconds since 1970, as `metadata.creationTimestamp` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Time(pub(crate) i64);

// === impl Time ===

impl Time {
    /// The wall clock. Only drivers call it; decisions get `now` as an argument.
    pub(crate) fn now() -> Self {
        Self(OffsetDateTime::now_utc().unix_timestamp())
    }

    /// `self` plus `seconds`.
    pub(crate) fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// How long until `self`, seen from `now`; zero if it has passed.
    pub(crate) fn after(self, now: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(now.0)).unwrap_or(0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (hour, minute, second) = at.to_hms();
        write!(f, "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", at.year(), u8::from(at.month()), at.day())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in RFC 3339")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                let at = OffsetDateTime::parse(text, &Rfc3339).map_err(E::custom)?;
                Ok(Time(at.to_offset(UtcOffset::UTC).unix_timestamp()))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// The wall clock as hexadecimal nanoseconds: what makes the names of events differ.
pub(crate) fn event_suffix() -> String {
    format!("{:x}", OffsetDateTime::now_utc().unix_timestamp_nanos())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_time_is_read_and_written_in_utc_seconds() {
        let time: Time = serde_json::from_str("\"2026-01-01T01:00:00.123456+01:00\"").unwrap();
        assert_eq!(time.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(time.plus(61).to_string(), "2026-01-01T00:01:01Z");
    }
}
