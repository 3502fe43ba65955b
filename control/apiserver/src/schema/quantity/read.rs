//! Reading a quantity's text: its sign, digits and suffix, and what they amount to.

use super::{Format, NANO, NANOS_MAX, QuantityError, SUFFIXES};

/// What a text says.
pub(super) struct Reading {
    /// It is below zero.
    pub negative: bool,
    /// The amount without its sign, in units of 1e-9.
    pub magnitude: i128,
    /// Which suffixes it used.
    pub format: Format,
    /// Upstream keeps the text as it is.
    pub kept: bool,
}

struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

/// Reads `100m`, `1.5Gi`, `1e3`.
///
/// # Errors
/// If the text is no quantity.
pub(super) fn read(text: &str) -> Result<Reading, QuantityError> {
    let parts = split(text)?;
    let (format, exponent) = suffix(parts.suffix)?;
    let digits = format!("{}{}", parts.whole, parts.fraction);
    let value = digits
        .bytes()
        .fold(0_i128, |sum, d| sum.saturating_mul(10).saturating_add(i128::from(d - b'0')).min(NANOS_MAX));
    let fraction = i32::try_from(parts.fraction.len()).unwrap_or(i32::MAX);
    let (magnitude, kept) = match format {
        Format::Binary => binary(value, exponent, fraction, &parts),
        Format::Decimal | Format::Exponent => decimal(value, exponent.saturating_sub(fraction), &digits),
    };
    Ok(Reading { negative: parts.negative, magnitude, format, kept })
}

fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let rest = unsigned.trim_start_matches('0');
    let (whole, rest) = rest.split_at(digits(rest));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let exponent = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits(exponent) != exponent.len() {
        return Err(QuantityError::Format);
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(Parts { negative: text.starts_with('-'), whole, fraction, suffix })
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn suffix(text: &str) -> Result<(Format, i32), QuantityError> {
    if let Some((_, format, exponent)) = SUFFIXES.iter().find(|(suffix, _, _)| *suffix == text) {
        return Ok((*format, *exponent));
    }
    let exponent = text.strip_prefix(['e', 'E']).and_then(|rest| rest.parse().ok());
    exponent.map(|e| (Format::Exponent, e)).ok_or(QuantityError::Suffix)
}

/// Nanos of `value * 10^exponent`, and whether upstream keeps the text as it is.
fn decimal(value: i128, exponent: i32, digits: &str) -> (i128, bool) {
    let kept = digits.len() <= 18 && exponent >= -9 && exponent % 3 == 0;
    let kept = kept && !digits.ends_with("000") && !digits.starts_with('0');
    (scale(value, exponent.saturating_add(9)), kept)
}

/// `value * 10^power`, rounded up where it is finer than that.
fn scale(value: i128, power: i32) -> i128 {
    let factor = 10_i128.checked_pow(power.unsigned_abs());
    match (power >= 0, factor) {
        (true, Some(factor)) => value.checked_mul(factor).map_or(NANOS_MAX, |n| n.min(NANOS_MAX)),
        (true, None) => {
            if value == 0 {
                0
            } else {
                NANOS_MAX
            }
        }
        (false, Some(factor)) => value / factor + i128::from(value % factor != 0),
        (false, None) => i128::from(value != 0),
    }
}

/// Nanos of a binary amount, which is capped at what 64 bits hold, and whether upstream keeps the text as it is.
fn binary(value: i128, exponent: i32, fraction: i32, parts: &Parts<'_>) -> (i128, bool) {
    let cap = i128::from(i64::MAX) * NANO;
    let exact = value.checked_mul(1_i128 << exponent);
    let magnitude = exact.map_or(cap, |units| scale(units, 9 - fraction)).min(cap);
    let whole_digits = i32::try_from(parts.whole.len()).unwrap_or(i32::MAX);
    let short = fraction == 0 && 14 - whole_digits - exponent * 3 / 10 >= 0;
    (magnitude, short && value & 7 != 0 && magnitude < cap)
}
