//! Walks a text that is JSON for sure, token by token.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::is_space;

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

/// Reads a text that [`check`](super::check()) has accepted.
pub struct Reader<'a> {
    // Invariant: `body` is one JSON value, and `at` is at a token's start.
    body: &'a [u8],
    at: usize,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// At the start of a text that [`check`](super::check()) has accepted.
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
