//! Reads the text of a label selector, with upstream's errors.

use super::{Operator, Requirement};
use crate::field::{Error, Path};
use crate::query::parse_int;
use crate::validation::names;

/// The requirements that a selector's text names.
///
/// # Errors
/// Upstream's message.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, String> {
    Parser { tokens: scan(text), at: 0 }.requirements()
}

/// A token: its kind and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Token::Word(text) => text,
            Token::Symbol(text) => text,
            Token::End => "",
        }
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self, Token::Symbol(text) if *text == symbol)
    }
}

const SYMBOLS: &[&str] = &["!=", "==", "=", "!", "(", ")", ",", ">", "<"];

fn scan(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            tokens.push(Token::End);
            return tokens;
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
            continue;
        }
        let end = rest.find([' ', '\t', '\r', '\n', '=', '!', '(', ')', ',', '>', '<']).unwrap_or(rest.len());
        tokens.push(Token::Word(rest[..end].to_owned()));
        rest = &rest[end..];
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                Token::End => return Ok(requirements),
                token if matches!(token, Token::Word(_)) || token.is("!") => {}
                other => {
                    return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.text()));
                }
            }
            let requirement = self.requirement().map_err(|err| format!("unable to parse requirement: {err}"))?;
            requirements.push(requirement);
            match self.next() {
                Token::End => return Ok(requirements),
                token if token.is(",") => {
                    let next = self.peek();
                    if !matches!(next, Token::Word(_)) && !next.is("!") {
                        return Err(format!("found '{}', expected: identifier after ','", next.text()));
                    }
                }
                other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.text())),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = self.peek().is("!");
        if negated {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(format!("found '{}', expected: identifier", other.text())),
        };
        check_key(&key)?;
        let ends = *self.peek() == Token::End || self.peek().is(",");
        let (operator, mut values) = match (negated, ends) {
            (true, _) => (Operator::Absent, Vec::new()),
            (false, true) => (Operator::Exists, Vec::new()),
            (false, false) => self.operator_and_values()?,
        };
        values.sort();
        values.dedup();
        check_values(operator, &values)?;
        Ok(Requirement { key, operator, values })
    }

    fn operator_and_values(&mut self) -> Result<(Operator, Vec<String>), String> {
        let token = self.next();
        let operator = match token.text() {
            "in" => return Ok((Operator::In, self.values()?)),
            "notin" => return Ok((Operator::NotIn, self.values()?)),
            "=" | "==" => Operator::In,
            "!=" => Operator::NotIn,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        Ok((operator, vec![self.exact_value()?]))
    }

    fn exact_value(&mut self) -> Result<String, String> {
        if *self.peek() == Token::End || self.peek().is(",") {
            return Ok(String::new());
        }
        match self.next() {
            Token::Word(value) => Ok(value),
            other => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let open = self.next();
        if !open.is("(") {
            return Err(format!("found '{}' expected: '('", open.text()));
        }
        match self.peek() {
            token if token.is(")") => {
                self.next();
                Ok(Vec::new())
            }
            token if matches!(token, Token::Word(_)) || token.is(",") => {
                let values = self.identifiers()?;
                let close = self.next();
                if close.is(")") { Ok(values) } else { Err(format!("found '{}', expected: ')'", close.text())) }
            }
            other => Err(format!("found '{}', expected: ',', ')' or identifier", other.text())),
        }
    }

    fn identifiers(&mut self) -> Result<Vec<String>, String> {
        let mut values = Vec::new();
        loop {
            match self.next() {
                Token::Word(value) => {
                    values.push(value);
                    match self.peek() {
                        token if token.is(",") => {}
                        token if token.is(")") => return Ok(values),
                        other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
                    }
                }
                token if token.is(",") => {
                    // `(,` and `,)` and `,,` stand for empty values.
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    if self.peek().is(")") {
                        values.push(String::new());
                        return Ok(values);
                    }
                    if self.peek().is(",") {
                        self.next();
                        values.push(String::new());
                    }
                }
                other => return Err(format!("found '{}', expected: ',', or identifier", other.text())),
            }
        }
    }
}

fn check_key(key: &str) -> Result<(), String> {
    let faults = names::qualified_name(key);
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(&Path::root(), key, &faults.join("; ")).to_string()) }
}

fn check_values(operator: Operator, values: &[String]) -> Result<(), String> {
    let path = Path::new("values");
    let mut errors = Vec::new();
    if matches!(operator, Operator::In | Operator::NotIn) && values.is_empty() {
        let detail = "for 'in', 'notin' operators, values set can't be empty";
        errors.push(Error::invalid(&path, serde_json::Value::from(values), detail));
    }
    for (at, value) in values.iter().enumerate() {
        if matches!(operator, Operator::Greater | Operator::Less) && parse_int(value).is_err() {
            let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
            errors.push(Error::invalid(&path.index(at), value.as_str(), detail));
        }
        let faults = names::label_value(value);
        if !faults.is_empty() {
            errors.push(Error::invalid(&path.index(at), value.as_str(), &faults.join("; ")));
        }
    }
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(one.to_string()),
        many => Err(format!("[{}]", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))),
    }
}
