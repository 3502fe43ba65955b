//! Makes words of what was written: values, outputs and numbers in, split at spaces, matched with files.

use std::borrow::Cow;
use std::fs;
use std::io;

use super::Shell;
use super::arithmetic::evaluate;
use super::pipe::pipe;
use super::syntax::{Form, List, Piece, Word};
use crate::call::{Streams, fail};
use crate::pattern::wildcard;

/// Characters, each with whether it was quoted.
pub type Marked = Vec<(char, bool)>;

/// Words as they come about.
#[derive(Default)]
struct Fields {
    done: Vec<Marked>,
    current: Option<Marked>,
}

impl Fields {
    fn push(&mut self, text: &str, quoted: bool) {
        self.current.get_or_insert_default().extend(text.chars().map(|sign| (sign, quoted)));
    }

    fn end(&mut self) {
        self.done.extend(self.current.take());
    }

    /// Adds a value that was not quoted: it is split at white space.
    fn push_split(&mut self, text: &str) {
        for (at, part) in text.split([' ', '\t', '\n']).enumerate() {
            if at > 0 {
                self.end();
            }
            if !part.is_empty() {
                self.push(part, false);
            }
        }
    }
}

impl Shell {
    /// Expands words to as many as they become.
    pub fn fields(&mut self, words: &[Word], streams: &Streams) -> io::Result<Vec<String>> {
        let mut fields = Fields::default();
        for word in words {
            self.pieces(word, streams, &mut fields)?;
            fields.end();
        }
        Ok(fields.done.into_iter().flat_map(|field| matched(&field)).collect())
    }

    /// Expands a word to one, neither split nor matched.
    pub fn text(&mut self, word: &Word, streams: &Streams) -> io::Result<String> {
        Ok(self.marked(word, streams)?.into_iter().map(|(sign, _)| sign).collect())
    }

    /// Expands a word that is a pattern.
    pub fn marked(&mut self, word: &Word, streams: &Streams) -> io::Result<Marked> {
        let mut marked = Marked::new();
        let (home, pieces) = self.home(word);
        marked.extend(home.chars().map(|sign| (sign, true)));
        for piece in pieces.iter() {
            let (text, quoted) = match piece {
                Piece::Text { text, quoted } => (text.clone(), *quoted),
                Piece::Parameter { name, form, quoted } => (self.parameter(name, form, streams)?, *quoted),
                Piece::Output { list, quoted } => (self.output(list, streams)?, *quoted),
                Piece::Arithmetic { expression, quoted } => (self.number(expression, streams)?, *quoted),
            };
            marked.extend(text.chars().map(|sign| (sign, quoted)));
        }
        Ok(marked)
    }

    fn pieces(&mut self, word: &Word, streams: &Streams, fields: &mut Fields) -> io::Result<()> {
        let (home, pieces) = self.home(word);
        if !home.is_empty() {
            fields.push(&home, true);
        }
        for piece in pieces.iter() {
            match piece {
                Piece::Text { text, quoted } => fields.push(text, *quoted),
                Piece::Parameter { name, form: Form::Plain, quoted } if name == "@" || name == "*" && !quoted => {
                    self.arguments(*quoted, fields);
                }
                Piece::Parameter { form: Form::Otherwise { sign, or_empty, word }, name, quoted: false }
                    if self.falls_back(name, *sign, *or_empty) =>
                {
                    self.pieces(word, streams, fields)?;
                }
                Piece::Parameter { name, form, quoted } => {
                    let value = self.parameter(name, form, streams)?;
                    if *quoted { fields.push(&value, true) } else { fields.push_split(&value) }
                }
                Piece::Output { list, quoted } => {
                    let value = self.output(list, streams)?;
                    if *quoted { fields.push(&value, true) } else { fields.push_split(&value) }
                }
                Piece::Arithmetic { expression, .. } => {
                    let value = self.number(expression, streams)?;
                    fields.push(&value, true);
                }
            }
        }
        Ok(())
    }

    /// What a bare `~` at a word's begin stands for, and the rest of the word.
    fn home<'a>(&self, word: &'a Word) -> (String, Cow<'a, [Piece]>) {
        if let [Piece::Text { text, quoted: false }, rest @ ..] = word.0.as_slice()
            && let Some(after) = text.strip_prefix('~').filter(|after| after.starts_with('/') || after.is_empty())
            && let Some(home) = self.value("HOME")
        {
            let after = Piece::Text { text: after.to_owned(), quoted: false };
            return (home.to_owned(), Cow::Owned([&[after], rest].concat()));
        }
        (String::new(), Cow::Borrowed(&word.0))
    }

    /// `"$@"`: each argument stays a word.
    fn arguments(&self, quoted: bool, fields: &mut Fields) {
        // Without arguments `"$@"` is no word at all, though quotes would make one.
        if self.args.is_empty() && fields.current.as_ref().is_some_and(Vec::is_empty) {
            fields.current = None;
        }
        for (at, argument) in self.args.iter().enumerate() {
            if at > 0 {
                fields.end();
            }
            if quoted { fields.push(argument, true) } else { fields.push_split(argument) }
        }
    }

    /// Whether the word of `${NAME:-word}` or `${NAME:+word}` is what counts, and has no other effect.
    fn falls_back(&self, name: &str, sign: char, or_empty: bool) -> bool {
        let set = self.lookup(name).is_some_and(|value| !or_empty || !value.is_empty());
        sign == '-' && !set || sign == '+' && set
    }

    /// The value of a parameter, if it is set.
    fn lookup(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "#" => Some(self.args.len().to_string()),
            "@" | "*" => Some(self.args.join(" ")),
            // What an instance is to itself.
            "$" => Some("1".to_owned()),
            "!" => None,
            "-" => {
                let letters = [(self.exits_on_error, 'e'), (self.traces, 'x')];
                Some(letters.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect())
            }
            "0" => Some(self.name.clone()),
            name => match name.parse::<usize>() {
                Ok(at) => self.args.get(at - 1).cloned(),
                Err(_) => self.value(name).map(str::to_owned),
            },
        }
    }

    fn parameter(&mut self, name: &str, form: &Form, streams: &Streams) -> io::Result<String> {
        let value = self.lookup(name);
        match form {
            Form::Plain => Ok(value.unwrap_or_default()),
            Form::Length => Ok(value.unwrap_or_default().chars().count().to_string()),
            Form::Trimmed { suffix, longest, pattern } => {
                let pattern = self.marked(pattern, streams)?;
                Ok(trimmed(&value.unwrap_or_default(), &pattern, *suffix, *longest))
            }
            Form::Otherwise { sign, or_empty, word } => {
                let set = value.filter(|value| !or_empty || !value.is_empty());
                match (sign, set) {
                    ('+', Some(_)) => self.text(word, streams),
                    ('+', None) => Ok(String::new()),
                    (_, Some(value)) => Ok(value),
                    ('=', None) => {
                        let text = self.text(word, streams)?;
                        self.assign(name, text.clone());
                        Ok(text)
                    }
                    ('?', None) => {
                        let text = self.text(word, streams)?;
                        fail(format_args!("{name}: {}", if text.is_empty() { "parameter not set" } else { &text }))
                    }
                    (_, None) => self.text(word, streams),
                }
            }
        }
    }

    /// What a command prints, without the newlines at its end.
    fn output(&mut self, list: &List, streams: &Streams) -> io::Result<String> {
        let (out, mut reader) = pipe();
        let streams = Streams { out, ..streams.clone() };
        self.status = self.subshell(list, &streams);
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut reader, &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    fn number(&mut self, expression: &Word, streams: &Streams) -> io::Result<String> {
        let text = self.text(expression, streams)?;
        Ok(evaluate(&text, &|name| self.lookup(name).unwrap_or_default())?.to_string())
    }
}

fn trimmed(value: &str, pattern: &Marked, suffix: bool, longest: bool) -> String {
    let signs: Vec<char> = value.chars().collect();
    let mut lengths: Vec<usize> = (0..=signs.len()).collect();
    if longest {
        lengths.reverse();
    }
    let split = |length: &usize| if suffix { signs.split_at(signs.len() - length) } else { signs.split_at(*length) };
    for (front, back) in lengths.iter().map(split) {
        let (part, rest) = if suffix { (back, front) } else { (front, back) };
        if wildcard(pattern, part) {
            return rest.iter().collect();
        }
    }
    value.to_owned()
}

/// The files that a word with wildcards matches, or the word itself.
fn matched(field: &Marked) -> Vec<String> {
    let plain = || vec![field.iter().map(|(sign, _)| *sign).collect::<String>()];
    if !field.iter().any(|(sign, quoted)| !quoted && "*?[".contains(*sign)) {
        return plain();
    }
    let absolute = field.first().is_some_and(|(sign, _)| *sign == '/');
    let mut paths = vec![if absolute { "/".to_owned() } else { String::new() }];
    for part in field.split(|(sign, _)| *sign == '/').filter(|part| !part.is_empty()) {
        paths = paths.iter().flat_map(|path| below(path, part)).collect();
    }
    if paths.is_empty() { plain() } else { paths }
}

fn below(path: &str, part: &[(char, bool)]) -> Vec<String> {
    let text: String = part.iter().map(|(sign, _)| *sign).collect();
    let joined = |name: &str| {
        if path.is_empty() || path.ends_with('/') { format!("{path}{name}") } else { format!("{path}/{name}") }
    };
    if !part.iter().any(|(sign, quoted)| !quoted && "*?[".contains(*sign)) {
        return if fs::symlink_metadata(joined(&text)).is_ok() { vec![joined(&text)] } else { Vec::new() };
    }
    let Ok(entries) = fs::read_dir(if path.is_empty() { "." } else { path }) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let fits = |name: &String| {
        (!name.starts_with('.') || text.starts_with('.')) && wildcard(part, &name.chars().collect::<Vec<_>>())
    };
    let mut found: Vec<String> = names.filter(fits).map(|name| joined(&name)).collect();
    found.sort();
    found
}
