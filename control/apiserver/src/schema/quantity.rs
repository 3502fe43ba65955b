//! Amounts of resources (`100m`, `1.5Gi`): parsing, comparing and the normal form, all as upstream has them.
//!
//! Assumptions: an amount is held in units of 1e-9, the smallest that Kubernetes knows; beyond 1e29 it is capped.

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

mod read;

const NANO: i128 = 1_000_000_000;
const NANOS_MAX: i128 = i128::MAX / 1024;

/// A text that is no quantity.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum QuantityError {
    /// Not a number with a suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// A suffix that does not exist.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// Which suffixes the normal form uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// n u m k M G T P E.
    Decimal,
    /// e3.
    Exponent,
    /// Ki Mi Gi Ti Pi Ei.
    Binary,
}

const SUFFIXES: &[(&str, Format, i32)] = &[
    ("n", Format::Decimal, -9),
    ("u", Format::Decimal, -6),
    ("m", Format::Decimal, -3),
    ("", Format::Decimal, 0),
    ("k", Format::Decimal, 3),
    ("M", Format::Decimal, 6),
    ("G", Format::Decimal, 9),
    ("T", Format::Decimal, 12),
    ("P", Format::Decimal, 15),
    ("E", Format::Decimal, 18),
    ("Ki", Format::Binary, 10),
    ("Mi", Format::Binary, 20),
    ("Gi", Format::Binary, 30),
    ("Ti", Format::Binary, 40),
    ("Pi", Format::Binary, 50),
    ("Ei", Format::Binary, 60),
];

/// An amount.
#[derive(Clone, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
    // Upstream keeps some texts that are not quite in normal form (`+1`, `5.`, `1e3`).
    text: Option<Box<str>>,
}

// === impl Quantity ===

impl Quantity {
    /// Reads `100m`, `1.5Gi`, `1e3`.
    ///
    /// # Errors
    /// If the text is no quantity.
    pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
        let read::Reading { negative, magnitude, format, kept } = read::read(text)?;
        let fractional = format == Format::Binary && magnitude < NANO;
        let format = if fractional { Format::Decimal } else { format };
        let nanos = if negative { -magnitude } else { magnitude };
        Ok(Quantity { nanos, format, text: kept.then(|| text.into()) })
    }

    /// `count` whole units.
    pub fn from_units(count: i64) -> Quantity {
        Quantity { nanos: i128::from(count) * NANO, format: Format::Decimal, text: None }
    }

    /// `count` thousandths.
    pub fn from_millis(count: i64) -> Quantity {
        Quantity { nanos: i128::from(count) * (NANO / 1000), format: Format::Decimal, text: None }
    }

    /// Whole units, rounded away from zero.
    pub fn as_units(&self) -> i64 {
        round(self.nanos, NANO)
    }

    /// Thousandths, rounded away from zero.
    pub fn as_millis(&self) -> i64 {
        round(self.nanos, NANO / 1000)
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// Whether it has no fraction.
    pub fn is_whole(&self) -> bool {
        self.nanos % NANO == 0
    }

    /// Whether it is a multiple of another, which is above zero.
    pub fn is_multiple_of(&self, other: &Quantity) -> bool {
        other.nanos > 0 && self.nanos % other.nanos == 0
    }

    /// The sum, in this quantity's format (the other's if this is zero).
    #[must_use]
    pub fn plus(&self, other: &Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        Quantity { nanos: self.nanos.saturating_add(other.nanos), format, text: None }
    }

    /// The difference, in this quantity's format (the other's if this is zero).
    #[must_use]
    pub fn minus(&self, other: &Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        Quantity { nanos: self.nanos.saturating_sub(other.nanos), format, text: None }
    }

    fn binary_form(&self) -> Option<(i128, &'static str)> {
        let units = self.nanos / NANO;
        if self.format != Format::Binary || units.abs() < 1024 || self.nanos % NANO != 0 {
            return None;
        }
        let mut form = (units, "");
        for (suffix, _, _) in SUFFIXES.iter().filter(|(_, format, _)| *format == Format::Binary) {
            if form.0 % 1024 != 0 || form.0.abs() < 1024 {
                break;
            }
            form = (form.0 / 1024, suffix);
        }
        Some(form)
    }

    /// The number without factors of ten, and an exponent that is a multiple of three.
    fn decimal_form(&self) -> (i128, i32) {
        let (mut amount, mut exponent) = (self.nanos, -9);
        while amount % 10 == 0 {
            amount /= 10;
            exponent += 1;
        }
        while exponent % 3 != 0 || (exponent > 18 && self.format == Format::Decimal) {
            amount *= 10;
            exponent -= 1;
        }
        (amount, exponent)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            return f.write_str(text);
        }
        if self.is_zero() {
            return f.write_str("0");
        }
        if let Some((amount, suffix)) = self.binary_form() {
            return write!(f, "{amount}{suffix}");
        }
        let (amount, exponent) = self.decimal_form();
        match (self.format, exponent) {
            (Format::Exponent, 0) => write!(f, "{amount}"),
            (Format::Exponent, _) => write!(f, "{amount}e{exponent}"),
            _ => {
                let decimal = SUFFIXES.iter().find(|(_, fmt, e)| *fmt == Format::Decimal && *e == exponent);
                write!(f, "{amount}{}", decimal.map_or("", |(suffix, _, _)| suffix))
            }
        }
    }
}

fn round(nanos: i128, unit: i128) -> i64 {
    let up = i128::from(nanos % unit != 0) * nanos.signum();
    i64::try_from(nanos / unit + up).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn normal_forms_are_those_of_upstream() {
        let cases = "0 0,00 0,+1 +1,1000 1k,1500 1500,0.5 500m,.5 500m,5. 5.,1.50 1500m,100m 100m,1000m 1,1500m 1500m,\
            1e3 1e3,1E3 1E3,1e-3 1e-3,2E 2E,1k 1k,1000k 1M,1234567890123 1234567890123,1M 1M,0.001 1m,0.0001 100u,\
            0.0000000001 1n,1n 1n,1u 1u,1500u 1500u,12.5k 12500,-1 -1,-0.5 -500m,1e0 1e0,0.1e1 1,3e10 30e9,\
            1Ki 1Ki,1024 1024,1024Ki 1Mi,1536Ki 1536Ki,1.5Gi 1536Mi,0.5Gi 512Mi,0.5Ki 512,0.1Ki 102400m,1025Ki 1025Ki,\
            1Mi 1Mi,1048576 1048576,1Ti 1Ti,1Ei 1Ei,7Ei 7Ei,8Ei 9223372036854775807,1000Ki 1000Ki,2048Mi 2Gi,0Mi 0,\
            -1Ki -1Ki,1.00Mi 1Mi,0.0009765625Ki 1";
        for case in cases.split(',') {
            let (text, expected) = case.trim().split_once(' ').unwrap();
            assert_eq!(Quantity::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "1.5.5", "1 k", "abc", "0x10", "true"] {
            assert_eq!(Quantity::parse(text).unwrap_err(), QuantityError::Format, "{text}");
        }
        for text in ["1K", "1e", "1ki"] {
            assert_eq!(Quantity::parse(text).unwrap_err(), QuantityError::Suffix, "{text}");
        }
    }

    #[test]
    fn amounts_compare_and_add_across_formats() {
        let parse = |text| Quantity::parse(text).unwrap();
        assert_eq!(parse("1Ki"), parse("1024"));
        assert!(parse("999m") < parse("1"));
        assert_eq!(parse("1Gi").plus(&parse("512Mi")).to_string(), "1536Mi");
        assert_eq!(parse("1").minus(&parse("100m")).to_string(), "900m");
        assert_eq!(parse("1500u").as_millis(), 2);
        assert_eq!(parse("1.5").as_units(), 2);
        assert_eq!(Quantity::from_millis(1500).to_string(), "1500m");
    }

    #[test]
    fn enormous_amounts_are_capped() {
        assert!(Quantity::parse(&"9".repeat(200)).unwrap() > Quantity::parse("1E").unwrap());
        assert_eq!(Quantity::parse("1e999999999999").unwrap_err(), QuantityError::Suffix);
        assert!(Quantity::parse("1e-1000").unwrap() > Quantity::from_units(0));
    }
}
