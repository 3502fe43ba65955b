//! `$((…))`: whole numbers, as C counts.

use std::io;

use crate::call::fail;

/// Operators by how weakly they bind.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];
/// Deeper nesting would use up the stack.
const NESTING_MAX: usize = 64;

/// The value of an expression; `value` knows the variables.
///
/// # Errors
/// It is none.
pub fn evaluate(text: &str, value: &dyn Fn(&str) -> String) -> io::Result<i64> {
    let mut reader = Reader { rest: text, value, depth: 0 };
    let result = reader.level(0)?;
    match reader.rest.trim() {
        "" => Ok(result),
        rest => fail(format_args!("arithmetic: unexpected '{rest}'")),
    }
}

struct Reader<'a> {
    rest: &'a str,
    value: &'a dyn Fn(&str) -> String,
    depth: usize,
}

impl Reader<'_> {
    fn level(&mut self, level: usize) -> io::Result<i64> {
        let Some(operators) = LEVELS.get(level) else { return self.operand() };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.level(level + 1)?;
            left = calculated(left, operator, right)?;
        }
        Ok(left)
    }

    fn operator(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        let rest = self.rest.trim_start();
        let found = operators.iter().find(|operator| rest.starts_with(**operator))?;
        let after = &rest[found.len()..];
        // The first half of a longer operator is none.
        if found.len() == 1 && after.starts_with(*found) && "|&<>".contains(*found) {
            return None;
        }
        self.rest = after;
        Some(found)
    }

    fn operand(&mut self) -> io::Result<i64> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return fail("arithmetic: nested too deeply");
        }
        let value = self.operand_inside();
        self.depth -= 1;
        value
    }

    fn operand_inside(&mut self) -> io::Result<i64> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return fail("arithmetic: a number is missing") };
        if "-+!~(".contains(first) {
            self.rest = &self.rest[1..];
            return match first {
                '-' => Ok(self.operand()?.wrapping_neg()),
                '+' => self.operand(),
                '!' => Ok(i64::from(self.operand()? == 0)),
                '~' => Ok(!self.operand()?),
                _ => self.parenthesis(),
            };
        }
        let end = self.rest.find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match first {
            '0'..='9' => number(word),
            _ if word.is_empty() => fail(format_args!("arithmetic: unexpected '{first}'")),
            _ => {
                let value = (self.value)(word);
                if value.trim().is_empty() { Ok(0) } else { number(value.trim()) }
            }
        }
    }

    fn parenthesis(&mut self) -> io::Result<i64> {
        let value = self.level(0)?;
        match self.rest.trim_start().strip_prefix(')') {
            Some(rest) => self.rest = rest,
            None => return fail("arithmetic: ')' is missing"),
        }
        Ok(value)
    }
}

fn number(word: &str) -> io::Result<i64> {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.or_else(|_| fail(format_args!("arithmetic: '{word}' is no number")))
}

fn calculated(left: i64, operator: &str, right: i64) -> io::Result<i64> {
    Ok(match operator {
        "||" => i64::from(left != 0 || right != 0),
        "&&" => i64::from(left != 0 && right != 0),
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<<" => left.wrapping_shl(right as u32),
        ">>" => left.wrapping_shr(right as u32),
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        _ if right == 0 => return fail("arithmetic: divided by zero"),
        "/" => left.wrapping_div(right),
        _ => left.wrapping_rem(right),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn expressions_bind_as_in_c() {
        for (text, expected) in [
            ("1 + 2 * 3", 7),
            ("(1+2)*3", 9),
            ("10 - 2 - 3", 5),
            ("i + 1", 42),
            ("1 << 4 | 1", 17),
            ("2 < 3 && !0", 1),
            ("-7 % 3", -1),
            ("unset", 0),
            ("0x10", 16),
        ] {
            let value = |name: &str| if name == "i" { "41".to_owned() } else { String::new() };
            assert_eq!(evaluate(text, &value).unwrap(), expected, "{text}");
        }
        for wrong in ["1 /0", "1 +", "(1", "1 2", "", "12x"] {
            assert!(evaluate(wrong, &|_| String::new()).is_err(), "{wrong}");
        }
    }
}
