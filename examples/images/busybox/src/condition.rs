//! `test` and `[`: is it true?

use std::fs::{self, Metadata};
use std::io;

use crate::call::{Call, fail};
use crate::options::number;

/// As upstream, for an expression that is none.
const CODE_SYNTAX: u8 = 2;

/// `[ … ]`.
///
/// # Errors
/// Never: what is wrong is said and is 2.
pub fn bracket(call: &mut Call) -> io::Result<u8> {
    match call.args.split_last() {
        Some((last, words)) if last == "]" => Ok(answer(words, call)),
        _ => {
            call.complain("missing ]");
            Ok(CODE_SYNTAX)
        }
    }
}

/// `test …`.
///
/// # Errors
/// Never: what is wrong is said and is 2.
pub fn test(call: &mut Call) -> io::Result<u8> {
    Ok(answer(call.args, call))
}

fn answer(words: &[String], call: &mut Call) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match holds(&words) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(err) => {
            call.complain(err);
            CODE_SYNTAX
        }
    }
}

/// Whether an expression holds. How it is read depends on how many words it has, as POSIX says; `-a` and `-o` join.
fn holds(words: &[&str]) -> io::Result<bool> {
    match *words {
        [] => Ok(false),
        [word] => Ok(!word.is_empty()),
        ["!", word] => Ok(word.is_empty()),
        [operator, word] => one(operator, word),
        [left, operator, right] if is_binary(operator) => two(left, operator, right),
        ["(", ref inner @ .., ")"] if !inner.contains(&"(") => holds(inner),
        _ => joined(words),
    }
}

fn joined(words: &[&str]) -> io::Result<bool> {
    if let Some(at) = words.iter().position(|word| *word == "-o") {
        return Ok(holds(&words[..at])? || holds(&words[at + 1..])?);
    }
    if let Some(at) = words.iter().position(|word| *word == "-a") {
        return Ok(holds(&words[..at])? && holds(&words[at + 1..])?);
    }
    match words {
        ["!", rest @ ..] => Ok(!holds(rest)?),
        _ => fail(format_args!("too many arguments: {}", words.join(" "))),
    }
}

fn one(operator: &str, word: &str) -> io::Result<bool> {
    let is = |check: fn(&Metadata) -> bool| fs::metadata(word).is_ok_and(|metadata| check(&metadata));
    match operator {
        "-n" => Ok(!word.is_empty()),
        "-z" => Ok(word.is_empty()),
        "-e" => Ok(is(|_| true)),
        "-f" => Ok(is(Metadata::is_file)),
        "-d" => Ok(is(Metadata::is_dir)),
        "-s" => Ok(is(|metadata| metadata.len() > 0)),
        "-h" | "-L" => Ok(fs::symlink_metadata(word).is_ok_and(|metadata| metadata.is_symlink())),
        // Whoever can name a file here can read it; there are no permissions to ask for.
        "-r" => Ok(fs::File::open(word).is_ok()),
        "-w" => Ok(is(Metadata::is_dir) || fs::OpenOptions::new().append(true).open(word).is_ok()),
        "-x" => Ok(is(Metadata::is_dir) || word.ends_with(".wasm") && is(Metadata::is_file)),
        "-t" => Ok(word == "0" && io::IsTerminal::is_terminal(&io::stdin())),
        _ => fail(format_args!("{operator}: unknown operand")),
    }
}

fn is_binary(operator: &str) -> bool {
    matches!(operator, "=" | "==" | "!=" | "<" | ">" | "-a" | "-o" | "-nt" | "-ot")
        || matches!(operator, "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge")
}

fn two(left: &str, operator: &str, right: &str) -> io::Result<bool> {
    let compare = || Ok::<_, io::Error>(number::<i64>(left.trim())?.cmp(&number::<i64>(right.trim())?));
    let times = || Some(fs::metadata(left).ok()?.modified().ok()?.cmp(&fs::metadata(right).ok()?.modified().ok()?));
    match operator {
        "=" | "==" => Ok(left == right),
        "!=" => Ok(left != right),
        "<" => Ok(left < right),
        ">" => Ok(left > right),
        "-a" => Ok(!left.is_empty() && !right.is_empty()),
        "-o" => Ok(!left.is_empty() || !right.is_empty()),
        "-eq" => Ok(compare()?.is_eq()),
        "-ne" => Ok(compare()?.is_ne()),
        "-lt" => Ok(compare()?.is_lt()),
        "-le" => Ok(compare()?.is_le()),
        "-gt" => Ok(compare()?.is_gt()),
        "-ge" => Ok(compare()?.is_ge()),
        "-nt" => Ok(times().is_some_and(std::cmp::Ordering::is_gt)),
        "-ot" => Ok(times().is_some_and(std::cmp::Ordering::is_lt)),
        _ => fail(format_args!("{operator}: unknown operand")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn expressions_are_read_by_their_number_of_words() {
        for (expression, expected) in [
            ("", false),
            ("-f", true),
            ("a = a", true),
            ("a != a", false),
            ("! a = a", false),
            ("2 -lt 10", true),
            ("-d / -a 1 -eq 1", true),
            ("-e /nowhere -o x", true),
            ("( a = b )", false),
        ] {
            let words: Vec<&str> = expression.split_whitespace().collect();
            assert_eq!(holds(&words).unwrap(), expected, "{expression}");
        }
        assert!(holds(&["a", "-lt", "1"]).is_err());
        assert!(holds(&["a", "b", "c", "d"]).is_err());
    }
}
