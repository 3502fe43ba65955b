//! JSON as Go reads it: the same syntax errors, the same strings out of broken escapes, numbers kept as they were written.
//!
//! Flow: [`check`] refuses what is no JSON; after that a [`Reader`] walks the bytes and cannot fail.
//! Guarantees: nesting is bounded by [`DEPTH_MAX`], so recursion over a checked text is bounded too.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Number, Value};

/// How deep objects and arrays may nest. Go allows 10,000; no object of the API comes near this.
pub const DEPTH_MAX: usize = 256;

/// How many keys that are there twice are told.
const DUPLICATES_MAX: usize = 100;

/// Whether `body` is one JSON value.
///
/// # Errors
/// What Go's `encoding/json` says of it.
pub fn check(body: &[u8]) -> Result<(), String> {
    let mut scan = Scan { body, at: 0 };
    let mut open: Vec<u8> = Vec::new();
    loop {
        // Here a value must begin.
        match scan.next_token()? {
            b'{' => {
                open.push(b'{');
                if open.len() > DEPTH_MAX {
                    return Err("exceeded max depth".to_owned());
                }
                match scan.next_token()? {
                    b'}' => {
                        open.pop();
                    }
                    first => {
                        scan.key(first)?;
                        continue;
                    }
                }
            }
            b'[' => {
                open.push(b'[');
                if open.len() > DEPTH_MAX {
                    return Err("exceeded max depth".to_owned());
                }
                if scan.peek_token()? != b']' {
                    continue;
                }
                scan.next_token()?;
                open.pop();
            }
            first => scan.scalar(first)?,
        }
        // Here a value has ended.
        loop {
            let Some(inside) = open.last() else { return scan.end() };
            match (inside, scan.next_token()?) {
                (b'{', b',') => {
                    let first = scan.next_token()?;
                    scan.key(first)?;
                    break;
                }
                (b'[', b',') => break,
                (b'{', b'}') | (b'[', b']') => {
                    open.pop();
                }
                (b'{', other) => return Err(unexpected(other, "after object key:value pair")),
                (_, other) => return Err(unexpected(other, "after array element")),
            }
        }
    }
}

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

const END: &str = "unexpected end of JSON input";

impl Scan<'_> {
    fn next(&mut self) -> Result<u8, String> {
        let byte = self.body.get(self.at).copied().ok_or(END)?;
        self.at += 1;
        Ok(byte)
    }

    fn next_token(&mut self) -> Result<u8, String> {
        let byte = self.peek_token()?;
        self.at += 1;
        Ok(byte)
    }

    fn peek_token(&mut self) -> Result<u8, String> {
        self.at += self.body[self.at..].iter().take_while(|b| is_space(**b)).count();
        self.body.get(self.at).copied().ok_or_else(|| END.to_owned())
    }

    fn end(&mut self) -> Result<(), String> {
        match self.peek_token() {
            Ok(byte) => Err(unexpected(byte, "after top-level value")),
            Err(_) => Ok(()),
        }
    }

    /// A key and its colon; `first` has been read.
    fn key(&mut self, first: u8) -> Result<(), String> {
        if first != b'"' {
            return Err(unexpected(first, "looking for beginning of object key string"));
        }
        self.string()?;
        match self.next_token()? {
            b':' => Ok(()),
            other => Err(unexpected(other, "after object key")),
        }
    }

    fn scalar(&mut self, first: u8) -> Result<(), String> {
        match first {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(first),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            other => Err(unexpected(other, "looking for beginning of value")),
        }
    }

    fn string(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let digit = self.next()?;
                            if !digit.is_ascii_hexdigit() {
                                return Err(unexpected(digit, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    other => return Err(unexpected(other, "in string escape code")),
                },
                control @ 0..0x20 => return Err(unexpected(control, "in string literal")),
                _ => {}
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for expected in &word.as_bytes()[1..] {
            let byte = self.next()?;
            if byte != *expected {
                let context = format!("in literal {word} (expecting {})", quote_byte(*expected));
                return Err(unexpected(byte, &context));
            }
        }
        Ok(())
    }

    fn number(&mut self, first: u8) -> Result<(), String> {
        let mut lead = first;
        if lead == b'-' {
            lead = self.next()?;
            if !lead.is_ascii_digit() {
                return Err(unexpected(lead, "in numeric literal"));
            }
        }
        if lead != b'0' {
            self.digits();
        }
        if self.body.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
        }
        if matches!(self.body.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.body.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn digit(&mut self, context: &str) -> Result<(), String> {
        let byte = self.next()?;
        if !byte.is_ascii_digit() {
            return Err(unexpected(byte, context));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        self.at += self.body[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn unexpected(byte: u8, context: &str) -> String {
    format!("invalid character {} {context}", quote_byte(byte))
}

/// Go takes the byte for a code point here.
fn quote_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        0..0x20 | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        other => format!("'{}'", char::from(other)),
    }
}

/// What kind of JSON value comes next, by Go's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Token {
    /// As `cannot unmarshal …` names it.
    pub fn name(self) -> &'static str {
        match self {
            Token::Null => "null",
            Token::Bool => "bool",
            Token::Number => "number",
            Token::String => "string",
            Token::Array => "array",
            Token::Object => "object",
        }
    }
}

/// Reads a text that [`check`] has accepted.
pub struct Reader<'a> {
    // Invariant: `body` is one JSON value, and `at` is at a token's start.
    body: &'a [u8],
    at: usize,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// At the start of a text that [`check`] has accepted.
    pub fn new(checked: &'a [u8]) -> Reader<'a> {
        let mut reader = Reader { body: checked, at: 0 };
        reader.skip_space();
        reader
    }

    /// What comes next.
    pub fn peek(&self) -> Token {
        match self.byte() {
            b'{' => Token::Object,
            b'[' => Token::Array,
            b'"' => Token::String,
            b't' | b'f' => Token::Bool,
            b'n' => Token::Null,
            _ => Token::Number,
        }
    }

    /// Enters an array or object.
    pub fn enter(&mut self) {
        self.step();
    }

    /// Goes to the next element of the array that was entered, or leaves it.
    pub fn next_element(&mut self) -> bool {
        self.skip_comma();
        if self.byte() == b']' {
            self.step();
            return false;
        }
        true
    }

    /// Goes to the value of the next member of the object that was entered, or leaves it.
    pub fn next_key(&mut self) -> Option<Cow<'a, str>> {
        self.skip_comma();
        if self.byte() == b'}' {
            self.step();
            return None;
        }
        let key = self.string();
        self.step();
        Some(key)
    }

    /// The text of the next value, which is passed.
    pub fn raw(&mut self) -> &'a [u8] {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.byte() {
                b'"' => self.at = self.string_end(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => self.at += self.scalar_length(),
            }
            if depth == 0 {
                break;
            }
            self.skip_space();
        }
        let text = &self.body[start..self.at];
        self.skip_space();
        text
    }

    /// The next value is a string: its text.
    pub fn string(&mut self) -> Cow<'a, str> {
        let end = self.string_end();
        let inside = &self.body[self.at + 1..end - 1];
        self.at = end;
        self.skip_space();
        if inside.contains(&b'\\') { Cow::Owned(unescape(inside)) } else { String::from_utf8_lossy(inside) }
    }

    /// The next value is a number, `true`, `false` or `null`: as it is written.
    pub fn literal(&mut self) -> &'a str {
        let start = self.at;
        self.at += self.scalar_length();
        let text = std::str::from_utf8(&self.body[start..self.at]).unwrap_or_default();
        self.skip_space();
        text
    }

    /// The next value as a tree; of keys that are there twice the last one counts.
    pub fn tree(&mut self) -> Value {
        match self.peek() {
            Token::Null => {
                self.literal();
                Value::Null
            }
            Token::Bool => Value::Bool(self.literal() == "true"),
            Token::Number => number(self.literal()),
            Token::String => Value::String(self.string().into_owned()),
            Token::Array => {
                let mut list = Vec::new();
                self.enter();
                while self.next_element() {
                    list.push(self.tree());
                }
                Value::Array(list)
            }
            Token::Object => {
                let mut map = Map::new();
                self.enter();
                while let Some(key) = self.next_key() {
                    let value = self.tree();
                    map.insert(key.into_owned(), value);
                }
                Value::Object(map)
            }
        }
    }

    fn byte(&self) -> u8 {
        self.body.get(self.at).copied().unwrap_or_default()
    }

    fn step(&mut self) {
        self.at += 1;
        self.skip_space();
    }

    fn skip_comma(&mut self) {
        if self.byte() == b',' {
            self.step();
        }
    }

    fn skip_space(&mut self) {
        while is_space(self.byte()) {
            self.at += 1;
        }
    }

    fn scalar_length(&self) -> usize {
        let rest = &self.body[self.at..];
        rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count()
    }

    fn string_end(&self) -> usize {
        let mut at = self.at + 1;
        while self.body[at] != b'"' {
            at += if self.body[at] == b'\\' { 2 } else { 1 };
        }
        at + 1
    }
}

/// The tree of a checked text; keys that are there twice are told as `duplicate field "a.b"`.
pub fn tree_with_duplicates(checked: &[u8], told: &mut Vec<String>) -> Value {
    told.extend(duplicates(checked).iter().map(|path| format!("duplicate field \"{}\"", path.trim_start_matches('.'))));
    Reader::new(checked).tree()
}

/// Where in a checked text a key is there twice: `.a.b[0].c`, each place once, at most 100.
pub fn duplicates(checked: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    find_duplicates(&mut Reader::new(checked), &mut String::new(), &mut found);
    found
}

fn find_duplicates(reader: &mut Reader<'_>, path: &mut String, found: &mut Vec<String>) {
    let mark = path.len();
    match reader.peek() {
        Token::Array => {
            reader.enter();
            let mut index = 0_usize;
            while reader.next_element() {
                path.push_str(&format!("[{index}]"));
                find_duplicates(reader, path, found);
                path.truncate(mark);
                index += 1;
            }
        }
        Token::Object => {
            let mut seen = HashSet::new();
            reader.enter();
            while let Some(key) = reader.next_key() {
                path.push('.');
                path.push_str(&key);
                if !seen.insert(key) && found.len() < DUPLICATES_MAX && !found.contains(path) {
                    found.push(path.clone());
                }
                find_duplicates(reader, path, found);
                path.truncate(mark);
            }
        }
        Token::Null | Token::Bool | Token::Number | Token::String => {
            reader.raw();
        }
    }
}

/// A number as Kubernetes reads it into an untyped tree: an integer of 64 bits if it is one, else a float.
pub fn number(literal: &str) -> Value {
    if let Ok(integer) = literal.parse::<i64>() {
        return Value::from(integer);
    }
    Number::from_f64(literal.parse().unwrap_or_default()).map_or(Value::Null, Value::Number)
}

/// Resolves escapes. Half a surrogate pair and broken UTF-8 become the replacement character, as in Go.
fn unescape(inside: &[u8]) -> String {
    let mut out = String::with_capacity(inside.len());
    let mut at = 0;
    while at < inside.len() {
        let plain = inside[at..].iter().take_while(|b| **b != b'\\').count();
        out.push_str(&String::from_utf8_lossy(&inside[at..at + plain]));
        at += plain;
        let Some(escape) = inside.get(at + 1) else { break };
        at += 2;
        match escape {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => at += push_unicode(&mut out, &inside[at..]),
            other => out.push(char::from(*other)),
        }
    }
    out
}

/// Pushes the character of a `\u` escape whose digits `rest` begins with; answers how many bytes it took.
fn push_unicode(out: &mut String, rest: &[u8]) -> usize {
    let unit = |from: usize| {
        let digits = rest.get(from..from + 4)?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(0).unwrap_or(0xfffd);
    let second = if (0xd800..0xdc00).contains(&first) && rest.get(4..6) == Some(b"\\u") { unit(6) } else { None };
    if let Some(low) = second.filter(|low| (0xdc00..0xe000).contains(low)) {
        let code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        return 10;
    }
    out.push(char::from_u32(first).unwrap_or('\u{fffd}'));
    4
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn syntax_errors_are_worded_as_go_words_them() {
        let cases = [
            ("", "unexpected end of JSON input"),
            (" ", "unexpected end of JSON input"),
            ("not json", "invalid character 'o' in literal null (expecting 'u')"),
            ("{\"a\":", "unexpected end of JSON input"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{}{}", "invalid character '{' after top-level value"),
            ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 2}", "invalid character '2' after object key:value pair"),
            ("01", "invalid character '1' after top-level value"),
            ("1.", "unexpected end of JSON input"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("\"a\nb\"", r"invalid character '\n' in string literal"),
        ];
        for (body, expected) in cases {
            assert_eq!(check(body.as_bytes()).unwrap_err(), expected, "{body}");
        }
    }

    #[test]
    fn good_texts_pass_and_read_as_serde_reads_them() {
        for body in ["null", " [ ] ", "{}", r#"{"a":[1,-2.5e3,{"b":"x\n\u00e9\ud83d\ude00"}],"c":true,"d":null}"#] {
            check(body.as_bytes()).unwrap();
            let expected: Value = serde_json::from_str(body).unwrap();
            assert_eq!(Reader::new(body.as_bytes()).tree(), expected, "{body}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        assert_eq!(Reader::new(br#""a\ud800b""#).string(), "a\u{fffd}b");
        assert_eq!(Reader::new(b"\"a\xffb\"").string(), "a\u{fffd}b");
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "[".repeat(DEPTH_MAX + 1);
        assert_eq!(check(deep.as_bytes()).unwrap_err(), "exceeded max depth");
    }

    #[test]
    fn a_raw_value_is_passed_whole() {
        let mut reader = Reader::new(br#"[ {"a" : "}]" , "b":[1, 2]} ,7]"#);
        reader.enter();
        assert!(reader.next_element());
        assert_eq!(reader.raw(), br#"{"a" : "}]" , "b":[1, 2]}"#);
        assert!(reader.next_element());
        assert_eq!(reader.literal(), "7");
        assert!(!reader.next_element());
    }
}
