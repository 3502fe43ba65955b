//! Kubernetes quantities as numbers: `100m`, `1.5Gi`, `2e3`.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Suffixes and what they multiply by, in thousandths.
const SUFFIXES: [(&str, i128); 14] = [
    ("Ki", 1000 << 10),
    ("Mi", 1000 << 20),
    ("Gi", 1000 << 30),
    ("Ti", 1000 << 40),
    ("Pi", 1000 << 50),
    ("Ei", 1000 << 60),
    ("m", 1),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000),
    ("", 1000),
];
/// The finest digit that counts is a thousandth of a thousandth.
const FRACTION_DIGITS: u32 = 6;

/// A quantity in thousandths, rounded up; what means nothing is 0: the API server has validated it.
pub(crate) fn millis(quantity: &Quantity) -> i128 {
    parse(&quantity.0).unwrap_or(0)
}

/// A quantity in units, rounded up.
pub(crate) fn units(quantity: &Quantity) -> i128 {
    div_up(millis(quantity), 1000)
}

/// Division that rounds up.
pub(crate) fn div_up(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) != 0)
}

fn parse(text: &str) -> Option<i128> {
    let (number, factor) = SUFFIXES.iter().find_map(|(suffix, factor)| {
        let number = text.strip_suffix(suffix)?;
        number.ends_with(|it: char| it.is_ascii_digit() || it == '.').then_some((number, *factor))
    })?;
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(FRACTION_DIGITS as usize).collect();
    let scaled: i128 = format!("{whole}{digits}").parse().ok()?;
    let shift = 10_i128.checked_pow(exponent.unsigned_abs())?;
    let value = scaled.checked_mul(factor)?;
    let value = if exponent < 0 { div_up(value, shift) } else { value.checked_mul(shift)? };
    Some(div_up(value, 10_i128.pow(FRACTION_DIGITS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_numbers() {
        let rows = [
            ("100m", 100),
            ("1", 1000),
            ("1.5", 1500),
            ("16Mi", 16_777_216_000),
            ("1.5Gi", 1_610_612_736_000),
            ("2e3", 2_000_000),
            ("5E", 5_000_000_000_000_000_000_000),
            ("0.0001", 1),
            ("100Ti", 109_951_162_777_600_000),
            ("", 0),
            ("x", 0),
        ];
        for (text, expected) in rows {
            assert_eq!(millis(&Quantity(text.to_owned())), expected, "{text}");
        }
        assert_eq!(units(&Quantity("1500m".to_owned())), 2);
    }
}
