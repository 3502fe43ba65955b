//! Makes commands of tokens. What this shell does not have is refused here, by name, before anything runs.

mod compound;

use std::fmt;

use super::lex::{Lexer, Token};
use super::syntax::{Chain, Command, List, Piece, Pipeline, Redirect, When, Word, is_name};

/// Deeper nesting would use up the stack.
pub const NESTING_MAX: usize = 64;

/// Why a text is no script.
#[derive(Debug, PartialEq)]
pub enum Fault {
    /// It may become one if more comes.
    Incomplete,
    Syntax(String),
}

impl Fault {
    pub fn syntax(message: impl Into<String>) -> Fault {
        Fault::Syntax(message.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Incomplete => f.write_str("syntax error: unexpected end of file"),
            Fault::Syntax(message) => write!(f, "syntax error: {message}"),
        }
    }
}

/// Reads a script.
pub fn parse(text: &str) -> Result<List, Fault> {
    parse_nested(text, 0)
}

/// Reads a script that stands in another.
pub fn parse_nested(text: &str, depth: usize) -> Result<List, Fault> {
    let mut parser = Parser { lexer: Lexer::new(text, depth)?, next: None, depth };
    let list = parser.list()?;
    match parser.take()? {
        Token::End => Ok(list),
        token => Err(unexpected(&token)),
    }
}

struct Parser {
    lexer: Lexer,
    next: Option<Token>,
    depth: usize,
}

/// Words that end a list where a command would begin.
const CLOSERS: &[&str] = &["then", "elif", "else", "fi", "do", "done", "esac", "}"];

impl Parser {
    fn peek(&mut self) -> Result<&Token, Fault> {
        if self.next.is_none() {
            self.next = Some(self.lexer.next()?);
        }
        Ok(self.next.as_ref().expect("it was just read"))
    }

    fn take(&mut self) -> Result<Token, Fault> {
        self.peek()?;
        Ok(self.next.take().expect("it was just read"))
    }

    fn is_operator(&mut self, operator: &str) -> Result<bool, Fault> {
        Ok(matches!(self.peek()?, Token::Operator(own) if *own == operator))
    }

    /// The bare word that comes next.
    fn bare(&mut self) -> Result<Option<String>, Fault> {
        match self.peek()? {
            Token::Word(word) => Ok(word.bare().map(str::to_owned)),
            _ => Ok(None),
        }
    }

    fn takes_bare(&mut self, word: &str) -> Result<bool, Fault> {
        let found = self.bare()?.as_deref() == Some(word);
        if found {
            self.take()?;
        }
        Ok(found)
    }

    fn expect_bare(&mut self, word: &str) -> Result<(), Fault> {
        if self.takes_bare(word)? { Ok(()) } else { Err(unexpected(&self.take()?)) }
    }

    fn expect_operator(&mut self, operator: &str) -> Result<(), Fault> {
        match self.take()? {
            Token::Operator(own) if own == operator => Ok(()),
            token => Err(unexpected(&token)),
        }
    }

    fn skip_newlines(&mut self) -> Result<(), Fault> {
        while *self.peek()? == Token::Newline {
            self.take()?;
        }
        Ok(())
    }

    /// Commands up to something that none can begin with.
    fn list(&mut self) -> Result<List, Fault> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(Fault::syntax("nested too deeply"));
        }
        let mut list = List::new();
        loop {
            self.skip_newlines()?;
            if matches!(self.peek()?, Token::End | Token::Operator(")" | ";;")) {
                break;
            }
            if self.bare()?.is_some_and(|word| CLOSERS.contains(&word.as_str())) {
                break;
            }
            list.push(self.chain()?);
            match self.peek()? {
                Token::Operator(";") | Token::Newline => {
                    self.take()?;
                }
                Token::Operator("&") => {
                    return Err(Fault::syntax("'&': an instance has no background to run a command in"));
                }
                _ => break,
            }
        }
        self.depth -= 1;
        Ok(list)
    }

    /// A list with something in it.
    fn body(&mut self) -> Result<List, Fault> {
        let list = self.list()?;
        if list.is_empty() { Err(unexpected(&self.take()?)) } else { Ok(list) }
    }

    fn chain(&mut self) -> Result<Chain, Fault> {
        let mut chain = vec![(When::Always, self.pipeline()?)];
        loop {
            let when = match self.peek()? {
                Token::Operator("&&") => When::Succeeded,
                Token::Operator("||") => When::Failed,
                _ => return Ok(Chain(chain)),
            };
            self.take()?;
            self.skip_newlines()?;
            chain.push((when, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, Fault> {
        let negated = self.takes_bare("!")?;
        let mut commands = vec![self.command()?];
        while self.is_operator("|")? {
            self.take()?;
            self.skip_newlines()?;
            commands.push(self.command()?);
        }
        Ok(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Result<Command, Fault> {
        let Some(body) = self.compound()? else { return self.simple() };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command::Compound { body, redirects })
    }

    fn word(&mut self) -> Result<Word, Fault> {
        match self.take()? {
            Token::Word(word) => Ok(word),
            token => Err(unexpected(&token)),
        }
    }

    fn redirect(&mut self) -> Result<Option<Redirect>, Fault> {
        let Token::Redirect(fd, kind) = *self.peek()? else { return Ok(None) };
        self.take()?;
        Ok(Some(Redirect { fd, kind, target: self.word()? }))
    }

    fn simple(&mut self) -> Result<Command, Fault> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            match self.peek()? {
                Token::Word(_) => {
                    let word = self.word()?;
                    match assignment(&word).filter(|_| words.is_empty()) {
                        Some(assignment) => assignments.push(assignment),
                        None => words.push(word),
                    }
                }
                Token::Operator("(") if words.len() == 1 => {
                    return Err(Fault::syntax("functions are not in this shell"));
                }
                _ if assignments.is_empty() && words.is_empty() && redirects.is_empty() => {
                    return Err(unexpected(&self.take()?));
                }
                _ => return Ok(Command::Simple { assignments, words, redirects }),
            }
        }
    }
}

/// A word of the form `NAME=value`.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let (first, rest) = word.0.split_first()?;
    let Piece::Text { text, quoted: false } = first else { return None };
    let (name, value) = text.split_once('=').filter(|(name, _)| is_name(name))?;
    let mut pieces = Vec::new();
    if !value.is_empty() {
        pieces.push(Piece::Text { text: value.to_owned(), quoted: false });
    }
    pieces.extend_from_slice(rest);
    Some((name.to_owned(), Word(pieces)))
}

fn unexpected(token: &Token) -> Fault {
    match token {
        Token::End => Fault::Incomplete,
        Token::Newline => Fault::syntax("unexpected newline"),
        Token::Operator(operator) => Fault::syntax(format!("unexpected \"{operator}\"")),
        Token::Redirect(..) => Fault::syntax("unexpected redirection"),
        Token::Word(word) => Fault::syntax(format!("unexpected \"{}\"", word.bare().unwrap_or("word"))),
    }
}
