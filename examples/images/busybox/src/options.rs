//! Sorts a call's words into options and operands, as `getopt` does.

use std::io;
use std::str::FromStr;

use crate::call::fail;

/// A call's words, sorted.
#[derive(Debug, Default)]
pub struct Options {
    given: Vec<(char, String)>,
    /// What is no option.
    pub words: Vec<String>,
}

/// Sorts words. `known` has getopt's form: `n:q` means `-n VALUE` and `-q`.
///
/// # Errors
/// An option is not known, or lacks its value.
pub fn options(args: &[String], known: &str) -> io::Result<Options> {
    sort(args, known, true)
}

/// Like `options`, but everything from the first operand on is one: what follows is another program's.
///
/// # Errors
/// An option is not known, or lacks its value.
pub fn leading_options(args: &[String], known: &str) -> io::Result<Options> {
    sort(args, known, false)
}

fn sort(args: &[String], known: &str, anywhere: bool) -> io::Result<Options> {
    let mut sorted = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            sorted.words.push(arg.clone());
            if !anywhere {
                break;
            }
            continue;
        };
        if letters == "-" {
            break;
        }
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let Some(at) = known.find(letter).filter(|_| letter != ':') else {
                return fail(format_args!("invalid option -- '{letter}'"));
            };
            if !known[at + letter.len_utf8()..].starts_with(':') {
                sorted.given.push((letter, String::new()));
                continue;
            }
            let value = match rest.as_str() {
                "" => args.next().cloned(),
                joined => Some(joined.to_owned()),
            };
            let Some(value) = value else {
                return fail(format_args!("option requires an argument -- '{letter}'"));
            };
            sorted.given.push((letter, value));
            break;
        }
    }
    sorted.words.extend(args.cloned());
    Ok(sorted)
}

// === impl Options ===

impl Options {
    /// Whether `-letter` was given.
    pub fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(given, _)| *given == letter)
    }

    /// The last value of `-letter`.
    pub fn value(&self, letter: char) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }

    /// All values of `-letter`, in order.
    pub fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }

    /// The value of `-letter` as a number.
    ///
    /// # Errors
    /// It is none.
    pub fn number<N: FromStr>(&self, letter: char) -> io::Result<Option<N>> {
        self.value(letter).map(number).transpose()
    }
}

/// A word as a number.
///
/// # Errors
/// It is none.
pub fn number<N: FromStr>(word: &str) -> io::Result<N> {
    word.parse().or_else(|_| fail(format_args!("invalid number '{word}'")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_stand_alone_together_and_with_values() {
        let sorted = options(&words("-qn5 a -c 7 -- -b"), "qn:c:").unwrap();
        assert!(sorted.has('q') && !sorted.has('b'));
        assert_eq!((sorted.value('n'), sorted.value('c')), (Some("5"), Some("7")));
        assert_eq!(sorted.words, ["a", "-b"]);
    }

    #[test]
    fn options_of_another_program_are_left_alone() {
        assert_eq!(leading_options(&words("-i ls -a"), "i").unwrap().words, ["ls", "-a"]);
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(options(&words("-x"), "q").unwrap_err().to_string(), "invalid option -- 'x'");
        assert_eq!(options(&words("-n"), "n:").unwrap_err().to_string(), "option requires an argument -- 'n'");
    }
}
