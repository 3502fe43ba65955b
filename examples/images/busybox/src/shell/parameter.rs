//! What stands between `${` and `}`.

use super::lex::whole;
use super::parse::Fault;
use super::syntax::{Form, Piece, Word, is_name};

/// What is between `${` and `}`.
pub fn parameter(text: &str, quoted: bool, depth: usize) -> Result<Piece, Fault> {
    let special =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_digit()) || matches!(name, "?" | "@" | "*" | "$" | "#");
    let valid = |name: &str| is_name(name) || !name.is_empty() && special(name);
    let piece = |name: &str, form: Form| Ok(Piece::Parameter { name: name.to_owned(), form, quoted });
    let bad = || Fault::syntax(format!("bad substitution: ${{{text}}}"));
    if valid(text) {
        return piece(text, Form::Plain);
    }
    if let Some(name) = text.strip_prefix('#').filter(|name| valid(name)) {
        return piece(name, Form::Length);
    }
    let end = text.find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').ok_or_else(bad)?;
    let end = if end == 0 { 1 } else { end };
    let (name, rest) = (text.get(..end).ok_or_else(bad)?, &text[end..]);
    if !valid(name) {
        return Err(bad());
    }
    let (or_empty, operation) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
    match operation.chars().next() {
        Some(sign @ ('-' | '=' | '+' | '?')) => {
            let word = inner(&operation[1..], quoted, depth)?;
            piece(name, Form::Otherwise { sign, or_empty, word })
        }
        Some(sign @ ('#' | '%')) if !or_empty => {
            let longest = operation[1..].starts_with(sign);
            let pattern = whole(&operation[1 + usize::from(longest)..], depth)?;
            piece(name, Form::Trimmed { suffix: sign == '%', longest, pattern })
        }
        _ => Err(bad()),
    }
}

/// The word in `"${NAME:-word}"` is quoted as the whole is.
fn inner(text: &str, quoted: bool, depth: usize) -> Result<Word, Fault> {
    if quoted && !text.contains('"') { whole(&format!("\"{text}\""), depth) } else { whole(text, depth) }
}
