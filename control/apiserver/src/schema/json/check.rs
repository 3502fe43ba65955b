//! Whether a text is JSON, and where and how Go would say that it is not.

use super::{DEPTH_MAX, is_space};

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
