//! No request but a watch or a stream lasts longer than upstream lets it.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::error::Failure;
use crate::field::quote;
use crate::filters::{refuse, request_info};

/// How long an ordinary request may take until its answer begins.
pub const REQUEST_SECONDS_MAX: u64 = 60;

/// Ends what takes too long with 504. A client may ask for less time.
pub async fn bound(request: Request, next: Next) -> Response {
    if request_info::of(&request).is_long_running() {
        return next.run(request).await;
    }
    let headers = request.headers().clone();
    let most = Duration::from_secs(REQUEST_SECONDS_MAX);
    let asked = request_info::parameters(&request).get("timeout").filter(|text| !text.is_empty()).map(parse_duration);
    let time = match asked {
        None => most,
        // Zero is no wish.
        Some(Ok(time)) => {
            if time.is_zero() {
                most
            } else {
                time.min(most)
            }
        }
        Some(Err(what)) => {
            let message = format!("invalid timeout specified in the request URL - {what}");
            return refuse(&headers, &Failure::bad_request(message));
        }
    };
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(&headers, &Failure::timeout("request did not complete within the allotted timeout")),
    }
}

/// Go's `time.ParseDuration`; what is negative is as good as nothing.
fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: &[(&str, f64)] =
        &[("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let invalid = || format!("time: invalid duration {}", quote(text));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let end = rest.find(|char: char| char.is_ascii_digit() || char == '.').unwrap_or(rest.len());
        let unit = &rest[..end];
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let known = UNITS.iter().find(|(name, _)| *name == unit);
        let (_, size) =
            known.ok_or_else(|| format!("time: unknown unit {} in duration {}", quote(unit), quote(text)))?;
        seconds += number * size;
        rest = &rest[end..];
    }
    match (text, negative) {
        ("" | "+" | "-", _) => Err(invalid()),
        (_, true) => Ok(Duration::ZERO),
        (_, false) => Duration::try_from_secs_f64(seconds).map_err(|_| invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("10"), Err("time: missing unit in duration \"10\"".to_owned()));
        assert_eq!(parse_duration("x"), Err("time: invalid duration \"x\"".to_owned()));
    }
}
