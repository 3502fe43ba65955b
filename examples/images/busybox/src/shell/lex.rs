//! Cuts a script into words and operators, and words into pieces.

use super::parameter::parameter;
use super::parse::{Fault, NESTING_MAX, parse_nested};
use super::syntax::{Form, Piece, RedirectKind, Word};

/// What a script is cut into.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Word(Word),
    /// One of `OPERATORS`.
    Operator(&'static str),
    Redirect(u8, RedirectKind),
    Newline,
    End,
}

/// The longer first.
const OPERATORS: &[&str] = &["&&", "||", ";;", ";", "|", "&", "(", ")"];
const REDIRECTS: &[(&str, RedirectKind)] = &[
    (">>", RedirectKind::Append),
    (">&", RedirectKind::Duplicate),
    (">|", RedirectKind::Write),
    (">", RedirectKind::Write),
    ("<", RedirectKind::Read),
];

/// A script, and how far it is cut.
pub struct Lexer {
    signs: Vec<char>,
    at: usize,
    depth: usize,
}

impl Lexer {
    /// Begins a script that is `depth` scripts deep in another.
    pub fn new(text: &str, depth: usize) -> Result<Lexer, Fault> {
        if depth > NESTING_MAX {
            return Err(Fault::syntax("nested too deeply"));
        }
        Ok(Lexer { signs: text.chars().collect(), at: 0, depth })
    }

    /// The next token.
    pub fn next(&mut self) -> Result<Token, Fault> {
        self.skip_blanks();
        let Some(sign) = self.peek() else { return Ok(Token::End) };
        if sign == '\n' {
            self.at += 1;
            return Ok(Token::Newline);
        }
        if self.takes("&>") {
            return Ok(Token::Redirect(1, RedirectKind::WriteBoth));
        }
        if let Some(redirect) = self.redirect()? {
            return Ok(redirect);
        }
        if let Some(operator) = OPERATORS.iter().find(|operator| self.takes(operator)) {
            return Ok(Token::Operator(operator));
        }
        self.word(ends_word).map(Token::Word)
    }

    fn skip_blanks(&mut self) {
        loop {
            if self.takes("\\\n") {
                continue;
            }
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('#') => {
                    while self.peek().is_some_and(|sign| sign != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn redirect(&mut self) -> Result<Option<Token>, Fault> {
        let digit = self.peek().and_then(|sign| sign.to_digit(10));
        let after = usize::from(digit.is_some());
        if !matches!(self.signs.get(self.at + after), Some('<' | '>')) {
            return Ok(None);
        }
        self.at += after;
        if self.takes("<<") {
            return Err(Fault::syntax("here-documents are not in this shell"));
        }
        let found = REDIRECTS.iter().find(|(sign, _)| self.takes(sign));
        let (_, kind) = found.ok_or_else(|| Fault::syntax("no such redirection"))?;
        let own = u32::from(*kind != RedirectKind::Read);
        match digit.unwrap_or(own) {
            fd @ 0..=2 => Ok(Some(Token::Redirect(fd as u8, *kind))),
            other => Err(Fault::syntax(format!("{other}: only the streams 0, 1 and 2 can be redirected"))),
        }
    }

    /// Reads a word up to a sign that ends it, which is left.
    fn word(&mut self, ends: fn(char) -> bool) -> Result<Word, Fault> {
        let mut word = Word::default();
        while let Some(sign) = self.peek().filter(|sign| !ends(*sign)) {
            self.at += 1;
            match sign {
                '\\' => match self.take() {
                    Some('\n') => {}
                    Some(other) => word.push(other, true),
                    None => return Err(Fault::Incomplete),
                },
                '\'' => {
                    let text = self.until('\'')?;
                    word.0.push(Piece::Text { text, quoted: true });
                }
                '"' => self.double_quoted(&mut word)?,
                '$' => self.dollar(&mut word, false)?,
                '`' => self.backquoted(&mut word, false)?,
                other => word.push(other, false),
            }
        }
        Ok(word)
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), Fault> {
        // Even nothing is a word if it is quoted.
        word.0.push(Piece::Text { text: String::new(), quoted: true });
        loop {
            match self.take().ok_or(Fault::Incomplete)? {
                '"' => return Ok(()),
                '\\' => match self.take().ok_or(Fault::Incomplete)? {
                    '\n' => {}
                    sign @ ('$' | '`' | '"' | '\\') => word.push(sign, true),
                    other => {
                        word.push('\\', true);
                        word.push(other, true);
                    }
                },
                '$' => self.dollar(word, true)?,
                '`' => self.backquoted(word, true)?,
                other => word.push(other, true),
            }
        }
    }

    /// What is behind a `$`.
    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Result<(), Fault> {
        let plain = |name: String| Piece::Parameter { name, form: Form::Plain, quoted };
        match self.peek() {
            Some('(') if self.signs.get(self.at + 1) == Some(&'(') => {
                self.at += 2;
                let text = self.balanced('(', ')')?;
                if self.take().ok_or(Fault::Incomplete)? != ')' {
                    return Err(Fault::syntax("'$((' without '))'"));
                }
                let expression = whole(&format!("\"{text}\""), self.depth)?;
                word.0.push(Piece::Arithmetic { expression, quoted });
            }
            Some('(') => {
                self.at += 1;
                let list = parse_nested(&self.balanced('(', ')')?, self.depth + 1)?;
                word.0.push(Piece::Output { list, quoted });
            }
            Some('{') => {
                self.at += 1;
                let text = self.balanced('{', '}')?;
                word.0.push(parameter(&text, quoted, self.depth)?);
            }
            Some(sign) if sign.is_ascii_alphabetic() || sign == '_' => {
                let mut name = String::new();
                while let Some(sign) = self.peek().filter(|sign| sign.is_ascii_alphanumeric() || *sign == '_') {
                    name.push(sign);
                    self.at += 1;
                }
                word.0.push(plain(name));
            }
            Some(sign) if sign.is_ascii_digit() || "?#@*$!-".contains(sign) => {
                self.at += 1;
                word.0.push(plain(sign.to_string()));
            }
            _ => word.push('$', quoted),
        }
        Ok(())
    }

    fn backquoted(&mut self, word: &mut Word, quoted: bool) -> Result<(), Fault> {
        let mut text = String::new();
        loop {
            match self.take().ok_or(Fault::Incomplete)? {
                '`' => break,
                '\\' if matches!(self.peek(), Some('`' | '\\' | '$')) => text.extend(self.take()),
                other => text.push(other),
            }
        }
        let list = parse_nested(&text, self.depth + 1)?;
        word.0.push(Piece::Output { list, quoted });
        Ok(())
    }

    /// The text up to the sign that closes what was opened, which is taken too.
    fn balanced(&mut self, open: char, close: char) -> Result<String, Fault> {
        let mut text = String::new();
        let mut depth = 0;
        loop {
            let sign = self.take().ok_or(Fault::Incomplete)?;
            match sign {
                '\\' => {
                    text.push(sign);
                    text.push(self.take().ok_or(Fault::Incomplete)?);
                    continue;
                }
                '\'' | '"' => {
                    text.push(sign);
                    text += &self.quoted(sign)?;
                }
                _ if sign == close && depth == 0 => return Ok(text),
                _ => {
                    depth += usize::from(sign == open);
                    depth -= usize::from(sign == close);
                }
            }
            text.push(sign);
        }
    }

    /// The text up to a closing quote, which is taken too.
    fn quoted(&mut self, quote: char) -> Result<String, Fault> {
        let mut text = String::new();
        loop {
            match self.take().ok_or(Fault::Incomplete)? {
                sign if sign == quote => return Ok(text),
                '\\' if quote == '"' => {
                    text.push('\\');
                    text.push(self.take().ok_or(Fault::Incomplete)?);
                }
                other => text.push(other),
            }
        }
    }

    fn until(&mut self, end: char) -> Result<String, Fault> {
        let mut text = String::new();
        loop {
            match self.take().ok_or(Fault::Incomplete)? {
                sign if sign == end => return Ok(text),
                other => text.push(other),
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.signs.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let sign = self.peek()?;
        self.at += 1;
        Some(sign)
    }

    /// Whether this text comes next; it is taken then.
    fn takes(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(at, sign)| self.signs.get(self.at + at) == Some(&sign));
        self.at += if found { text.chars().count() } else { 0 };
        found
    }
}

fn ends_word(sign: char) -> bool {
    " \t\r\n;&|()<>".contains(sign)
}

/// A text as one word, spaces and all.
pub fn whole(text: &str, depth: usize) -> Result<Word, Fault> {
    Lexer::new(text, depth + 1)?.word(|_| false)
}
