//! The query of a URL, read as upstream's conversion reads it: the first value of a name counts, and what is no boolean
//! counts as true.

use http::Uri;

use crate::error::Failure;

/// The most parameters that are looked at; the rest is dropped.
const PARAMETERS_MAX: usize = 1000;

/// The decoded parameters, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters of a URL.
    pub fn of(uri: &Uri) -> Parameters {
        Parameters::parse(uri.query().unwrap_or_default())
    }

    /// The parameters of a query string.
    pub fn parse(query: &str) -> Parameters {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(PARAMETERS_MAX);
        Parameters(
            pairs
                // Go drops pairs that it cannot decode.
                .filter(|pair| is_escaped(pair) && !pair.contains(';'))
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(key, value)| (decode(key, Plus::Space), decode(value, Plus::Space)))
                .collect(),
        )
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name, or the empty string.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A boolean: `false` and `0` are false, everything else that is given is true.
    pub fn flag(&self, name: &str) -> bool {
        self.optional_flag(name).unwrap_or_default()
    }

    /// A boolean that may be absent.
    pub fn optional_flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| !(value.eq_ignore_ascii_case("false") || value == "0"))
    }

    /// An integer.
    ///
    /// # Errors
    /// 400 in Go's words when it is none.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map(|text| parse_int(text).map_err(Failure::bad_request)).transpose()
    }
}

/// `strconv.ParseInt(text, 10, 64)`, with its errors.
///
/// # Errors
/// Go's message.
pub fn parse_int(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| number_error("ParseInt", text, text.strip_prefix(['-', '+']).unwrap_or(text)))
}

/// `strconv.ParseUint(text, 10, 64)`, with its errors.
///
/// # Errors
/// Go's message.
pub fn parse_uint(text: &str) -> Result<u64, String> {
    let bad = || number_error("ParseUint", text, text);
    if text.starts_with('+') { Err(bad()) } else { text.parse().map_err(|_| bad()) }
}

fn number_error(function: &str, text: &str, digits: &str) -> String {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let what = if all_digits { "value out of range" } else { "invalid syntax" };
    format!("strconv.{function}: parsing {}: {what}", crate::field::quote(text))
}

/// Whether every percent sign begins an escape.
fn is_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

/// What `+` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Space,
    Plus,
}

/// A path without its percent signs.
pub fn decode_path(path: &str) -> String {
    decode(path, Plus::Plus)
}

fn decode(text: &str, plus: Plus) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = hex.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, bytes[at]) {
            (Some(byte), _) => {
                out.push(byte);
                at += 2;
            }
            (None, b'+') if plus == Plus::Space => out.push(b' '),
            (None, other) => out.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_false_and_zero_is_true() {
        let query = Parameters::parse("a=&b=0&c=FALSE&d=maybe&e");
        assert_eq!(
            ["a", "b", "c", "d", "e", "f"].map(|name| query.flag(name)),
            [true, false, false, true, true, false]
        );
    }

    #[test]
    fn values_are_decoded() {
        let query = Parameters::parse("s=x+in+(1%2C2)&s=%zz&s=a");
        assert_eq!(query.all("s").collect::<Vec<_>>(), ["x in (1,2)", "a"]);
        assert_eq!(decode_path("/a+b%2Fc"), "/a+b/c");
    }

    #[test]
    fn numbers_fail_in_the_words_of_go() {
        assert_eq!(parse_int("x"), Err("strconv.ParseInt: parsing \"x\": invalid syntax".to_owned()));
        assert_eq!(
            parse_int("99999999999999999999"),
            Err("strconv.ParseInt: parsing \"99999999999999999999\": value out of range".to_owned())
        );
        assert_eq!(parse_uint("-1"), Err("strconv.ParseUint: parsing \"-1\": invalid syntax".to_owned()));
    }
}
