//! Ages as `kubectl get` shows them: two digits of detail, as `k8s.io/apimachinery/pkg/util/duration` chooses them.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::object::Fields;
use crate::registry::resource::Now;

/// The Age column: time since `metadata.creationTimestamp`.
pub fn of(object: &Value, now: Now) -> Value {
    since(object.str_at("metadata.creationTimestamp"), now).into()
}

/// The time since an RFC 3339 time stamp; `<unknown>` if it is none.
pub fn since(timestamp: &str, now: Now) -> String {
    match OffsetDateTime::parse(timestamp, &Rfc3339) {
        Ok(then) => human((now.0 - then).whole_seconds()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// `5s`, `2m3s`, `5m`, `3h4m`, `9h`, `2d3h`, `8d`, `2y10d`, `8y`.
pub fn human(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let (minutes, hours, days) = (seconds / MINUTE, seconds / HOUR, seconds / DAY);
    match seconds {
        // A clock a little ahead is not an error.
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if minutes < 10 => pair(minutes, "m", seconds % MINUTE, "s"),
        _ if minutes < 3 * 60 => format!("{minutes}m"),
        _ if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 8 * 24 => pair(days, "d", hours % 24, "h"),
        _ if hours < 2 * 365 * 24 => format!("{days}d"),
        _ if hours < 8 * 365 * 24 => pair(seconds / YEAR, "y", days % 365, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

fn pair(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 { format!("{large}{large_unit}") } else { format!("{large}{large_unit}{small}{small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_at_most_two_units() {
        let rows = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (123, "2m3s"),
            (601, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 240, "3h4m"),
            (9 * 3600 + 1, "9h"),
            (2 * 86400 + 3600, "2d1h"),
            (8 * 86400 + 3600, "8d"),
            (800 * 86400, "2y70d"),
            (9 * 365 * 86400, "9y"),
        ];
        for (seconds, text) in rows {
            assert_eq!(human(seconds), text, "{seconds}");
        }
    }
}
