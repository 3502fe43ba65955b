//! `printf`, and the escapes that `echo -e` shares with it.

use std::io::{self, Write};
use std::iter::Peekable;
use std::str::Chars;

use crate::call::{Call, fail};
use crate::options::number;

/// `printf`: the form is used again while words are left.
///
/// # Errors
/// There is no form, or a word is no number where one is wanted.
pub fn printf(call: &mut Call) -> io::Result<u8> {
    let [form, words @ ..] = call.args else { return fail("missing format") };
    let mut words = words.iter().map(String::as_str).peekable();
    loop {
        let before = words.len();
        let text = filled(form, &mut words)?;
        call.streams.out.write_all(text.as_bytes())?;
        if words.len() == 0 || words.len() == before {
            return Ok(0);
        }
    }
}

fn filled<'a>(form: &str, words: &mut impl Iterator<Item = &'a str>) -> io::Result<String> {
    let mut text = String::new();
    let mut signs = form.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => {
                if !unescape(&mut signs, &mut text) {
                    return Ok(text);
                }
            }
            '%' if signs.next_if_eq(&'%').is_some() => text.push('%'),
            '%' => {
                let flags: String = std::iter::from_fn(|| signs.next_if(|c| "-0+ ".contains(*c))).collect();
                let width: String = std::iter::from_fn(|| signs.next_if(char::is_ascii_digit)).collect();
                let letter = signs.next().unwrap_or('%');
                let shown = converted(letter, words.next().unwrap_or_default())?;
                text += &padded(&shown, &flags, width.parse().unwrap_or(0));
            }
            other => text.push(other),
        }
    }
    Ok(text)
}

fn converted(letter: char, word: &str) -> io::Result<String> {
    let whole = || if word.is_empty() { Ok(0) } else { number::<i64>(word) };
    match letter {
        's' => Ok(word.to_owned()),
        'b' => Ok(unescaped(word).0),
        'c' => Ok(word.chars().take(1).collect()),
        'd' | 'i' | 'u' => Ok(whole()?.to_string()),
        'x' => Ok(format!("{:x}", whole()?)),
        'X' => Ok(format!("{:X}", whole()?)),
        'o' => Ok(format!("{:o}", whole()?)),
        other => fail(format_args!("%{other}: invalid format")),
    }
}

fn padded(text: &str, flags: &str, width: usize) -> String {
    match () {
        () if flags.contains('-') => format!("{text:<width$}"),
        () if flags.contains('0') => format!("{text:0>width$}"),
        () => format!("{text:>width$}"),
    }
}

/// A text with its escapes replaced, and whether `\c` ended it.
pub fn unescaped(text: &str) -> (String, bool) {
    let mut out = String::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            out.push(sign);
        } else if !unescape(&mut signs, &mut out) {
            return (out, true);
        }
    }
    (out, false)
}

/// Replaces one escape behind its backslash; false if it was `\c`, after which nothing comes.
fn unescape(signs: &mut Peekable<Chars>, out: &mut String) -> bool {
    match signs.next() {
        Some('n') => out.push('\n'),
        Some('t') => out.push('\t'),
        Some('r') => out.push('\r'),
        Some('a') => out.push('\u{7}'),
        Some('b') => out.push('\u{8}'),
        Some('e') => out.push('\u{1b}'),
        Some('\\') | None => out.push('\\'),
        Some('c') => return false,
        Some('0') => {
            let digits: String = (0..3).map_while(|_| signs.next_if(|c| c.is_digit(8))).collect();
            out.push(u8::from_str_radix(&digits, 8).unwrap_or(0).into());
        }
        Some(other) => out.extend(['\\', other]),
    }
    true
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn forms_are_filled_with_words() {
        let fill = |form: &str, words: &[&str]| filled(form, &mut words.iter().copied()).unwrap();
        assert_eq!(fill("%s=%d\\n", &["a", "7"]), "a=7\n");
        assert_eq!(fill("[%3s|%-3s|%03d|%x]", &["a", "b", "7", "255"]), "[  a|b  |007|ff]");
        assert_eq!(fill("100%%", &[]), "100%");
        assert!(filled("%q", &mut ["a"].into_iter()).is_err());
    }

    #[test]
    fn escapes_are_replaced() {
        assert_eq!(unescaped("a\\tb\\0101\\q"), ("a\tbA\\q".to_owned(), false));
        assert_eq!(unescaped("a\\cb"), ("a".to_owned(), true));
    }
}
