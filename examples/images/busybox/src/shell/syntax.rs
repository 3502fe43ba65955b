//! What a script is made of.

/// Commands one after the other.
pub type List = Vec<Chain>;

/// Pipelines, each with what must be true of the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain(pub Vec<(When, Pipeline)>);

/// When a pipeline of a chain runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Always,
    /// `&&`
    Succeeded,
    /// `||`
    Failed,
}

/// Commands, each reading what the one before wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub negated: bool,
    pub commands: Vec<Command>,
}

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Simple { assignments: Vec<(String, Word)>, words: Vec<Word>, redirects: Vec<Redirect> },
    Compound { body: Compound, redirects: Vec<Redirect> },
}

/// A command that has others in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Compound {
    Group(List),
    Subshell(List),
    /// Conditions with what each leads to, and what is left.
    If(Vec<(List, List)>, List),
    /// `while`, or `until` if it goes on as long as the condition fails.
    Loop {
        until: bool,
        condition: List,
        body: List,
    },
    /// Without words it goes through the arguments.
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, List)>,
    },
}

/// Where a stream leads instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    pub fd: u8,
    pub kind: RedirectKind,
    pub target: Word,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RedirectKind {
    /// `<`
    Read,
    /// `>`
    Write,
    /// `>>`
    Append,
    /// `>&`
    Duplicate,
    /// `&>`
    WriteBoth,
}

/// A word: pieces without space between.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word(pub Vec<Piece>);

/// A piece of a word. What is quoted is neither split nor matched with files.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Text { text: String, quoted: bool },
    Parameter { name: String, form: Form, quoted: bool },
    Output { list: List, quoted: bool },
    Arithmetic { expression: Word, quoted: bool },
}

/// What becomes of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    Plain,
    /// `${#NAME}`
    Length,
    /// `${NAME:-WORD}` and its like: the sign, and whether an empty value counts as none.
    Otherwise {
        sign: char,
        or_empty: bool,
        word: Word,
    },
    /// `${NAME#PATTERN}` and its like.
    Trimmed {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
}

impl Word {
    /// The word's text if it is bare, as reserved words are.
    pub fn bare(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text { text, quoted: false }] => Some(text),
            _ => None,
        }
    }

    /// Adds text to the last piece if it is alike.
    pub fn push(&mut self, sign: char, quoted: bool) {
        match self.0.last_mut() {
            Some(Piece::Text { text, quoted: own }) if *own == quoted => text.push(sign),
            _ => self.0.push(Piece::Text { text: sign.to_string(), quoted }),
        }
    }
}

/// Whether a text can be a variable's name.
pub fn is_name(text: &str) -> bool {
    let mut signs = text.chars();
    signs.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && signs.all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
}
