//! Quantities as numbers: thousandths of a core, or whole bytes and pieces, rounded up as the API defines.

/// The value in thousandths, rounded up; `None` if the text is no quantity.
pub(crate) fn milli(text: &str) -> Option<i64> {
    scaled(text, 1000)
}

/// The value in whole units, rounded up; `None` if the text is no quantity.
pub(crate) fn whole(text: &str) -> Option<i64> {
    scaled(text, 1)
}

/// Suffixes with the power of ten or two that they stand for: (suffix, numerator, denominator).
const SUFFIXES: [(&str, i128, i128); 15] = [
    ("Ki", 1 << 10, 1),
    ("Mi", 1 << 20, 1),
    ("Gi", 1 << 30, 1),
    ("Ti", 1 << 40, 1),
    ("Pi", 1 << 50, 1),
    ("Ei", 1 << 60, 1),
    ("n", 1, 1_000_000_000),
    ("u", 1, 1_000_000),
    ("m", 1, 1000),
    ("k", 1000, 1),
    ("M", 1_000_000, 1),
    ("G", 1_000_000_000, 1),
    ("T", 1_000_000_000_000, 1),
    ("P", 1_000_000_000_000_000, 1),
    ("E", 1_000_000_000_000_000_000, 1),
];
/// More digits than any amount has; they keep the arithmetic inside 128 bits.
const DIGITS_MAX: usize = 18;
const EXPONENT_MAX: u32 = 18;

fn scaled(text: &str, scale: i128) -> Option<i64> {
    let (number, numerator, denominator) = split(text)?;
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (negative, integer) = match integer.strip_prefix('-') {
        Some(integer) => (true, integer),
        None => (false, integer.strip_prefix('+').unwrap_or(integer)),
    };
    let digits = format!("{integer}{fraction}");
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let places = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let value: i128 = digits.parse().ok()?;
    let value = value.checked_mul(numerator)?.checked_mul(scale)?;
    let divisor = places.checked_mul(denominator)?;
    let rounded = (value + divisor - 1) / divisor;
    i64::try_from(if negative { -rounded } else { rounded }).ok()
}

/// The number of a quantity, and the fraction that its suffix stands for.
fn split(text: &str) -> Option<(&str, i128, i128)> {
    if let Some((number, exponent)) = text.split_once(['e', 'E'])
        && let Ok(exponent) = exponent.parse::<i32>()
    {
        let power = 10_i128.checked_pow(exponent.unsigned_abs().min(EXPONENT_MAX))?;
        return Some(if exponent < 0 { (number, 1, power) } else { (number, power, 1) });
    }
    let suffix = SUFFIXES.iter().find_map(|(suffix, n, d)| Some((text.strip_suffix(suffix)?, *n, *d)));
    Some(suffix.unwrap_or((text, 1, 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_numbers_rounded_up() {
        for (text, in_milli, in_whole) in [
            ("1", Some(1000), Some(1)),
            ("1500m", Some(1500), Some(2)),
            ("0.5", Some(500), Some(1)),
            ("4Gi", Some(4_294_967_296_000), Some(4_294_967_296)),
            ("1e3", Some(1_000_000), Some(1000)),
            ("1E", None, Some(1_000_000_000_000_000_000)),
            ("100u", Some(1), Some(1)),
            ("x", None, None),
            ("", None, None),
            ("1.2.3", None, None),
            ("99999999999999999999", None, None),
        ] {
            assert_eq!((milli(text), whole(text)), (in_milli, in_whole), "{text}");
        }
    }
}
