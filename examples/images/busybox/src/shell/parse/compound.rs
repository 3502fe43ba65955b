//! Commands that have others in them: one function per kind, chosen by the word it begins with.

use super::{Fault, Parser, unexpected};
use crate::shell::lex::Token;
use crate::shell::syntax::{Compound, List, Word, is_name};

impl Parser {
    /// The compound command that begins here, if one does.
    pub(super) fn compound(&mut self) -> Result<Option<Compound>, Fault> {
        if self.is_operator("(")? {
            self.take()?;
            let list = self.body()?;
            self.expect_operator(")")?;
            return Ok(Some(Compound::Subshell(list)));
        }
        let Some(word) = self.bare()? else { return Ok(None) };
        let parse = match word.as_str() {
            "{" => Self::group,
            "if" => Self::conditional,
            "while" => |parser: &mut Self| parser.repetition(false),
            "until" => |parser: &mut Self| parser.repetition(true),
            "for" => Self::iteration,
            "case" => Self::choice,
            "function" => return Err(Fault::syntax("functions are not in this shell")),
            _ => return Ok(None),
        };
        self.take()?;
        parse(self).map(Some)
    }

    fn group(&mut self) -> Result<Compound, Fault> {
        let list = self.body()?;
        self.expect_bare("}")?;
        Ok(Compound::Group(list))
    }

    fn conditional(&mut self) -> Result<Compound, Fault> {
        let mut arms = Vec::new();
        loop {
            let condition = self.body()?;
            self.expect_bare("then")?;
            arms.push((condition, self.body()?));
            if !self.takes_bare("elif")? {
                break;
            }
        }
        let otherwise = if self.takes_bare("else")? { self.body()? } else { List::new() };
        self.expect_bare("fi")?;
        Ok(Compound::If(arms, otherwise))
    }

    fn repetition(&mut self, until: bool) -> Result<Compound, Fault> {
        let condition = self.body()?;
        let body = self.done()?;
        Ok(Compound::Loop { until, condition, body })
    }

    fn done(&mut self) -> Result<List, Fault> {
        self.expect_bare("do")?;
        let body = self.body()?;
        self.expect_bare("done")?;
        Ok(body)
    }

    fn iteration(&mut self) -> Result<Compound, Fault> {
        let token = self.take()?;
        let name = match &token {
            Token::Word(word) => word.bare().filter(|name| is_name(name)).map(str::to_owned),
            _ => None,
        };
        let Some(name) = name else { return Err(unexpected(&token)) };
        self.skip_newlines()?;
        let mut words = None;
        if self.takes_bare("in")? {
            let found: &mut Vec<Word> = words.insert(Vec::new());
            while let Token::Word(_) = self.peek()? {
                if let Token::Word(word) = self.take()? {
                    found.push(word);
                }
            }
        }
        if self.is_operator(";")? {
            self.take()?;
        }
        self.skip_newlines()?;
        Ok(Compound::For { name, words, body: self.done()? })
    }

    fn choice(&mut self) -> Result<Compound, Fault> {
        let word = self.word()?;
        self.skip_newlines()?;
        self.expect_bare("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.takes_bare("esac")? {
                return Ok(Compound::Case { word, arms });
            }
            if self.is_operator("(")? {
                self.take()?;
            }
            let mut patterns = vec![self.word()?];
            while self.is_operator("|")? {
                self.take()?;
                patterns.push(self.word()?);
            }
            self.expect_operator(")")?;
            arms.push((patterns, self.list()?));
            if self.is_operator(";;")? {
                self.take()?;
            }
        }
    }
}
