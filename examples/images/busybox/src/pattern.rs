//! Patterns: the simple regular expressions of `grep`, and the wildcards of a shell.
//!
//! A regular expression is alternatives of sequences of single characters, each repeated or not. There are no groups:
//! they are refused by name.

use std::io;

use crate::call::fail;

/// A regular expression.
#[derive(Debug)]
pub struct Pattern {
    alternatives: Vec<Vec<Atom>>,
    folded: bool,
}

#[derive(Debug)]
enum Atom {
    Start,
    End,
    One(Set, Repeat),
}

#[derive(Debug)]
enum Set {
    Any,
    Char(char),
    Ranges(Vec<(char, char)>, Sense),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sense {
    In,
    NotIn,
}

#[derive(Clone, Copy, Debug)]
struct Repeat {
    min: usize,
    max: usize,
}

const ONCE: Repeat = Repeat { min: 1, max: 1 };

// === impl Pattern ===

impl Pattern {
    /// Text that stands for itself.
    pub fn fixed(text: &str, folded: bool) -> Pattern {
        let atoms = text.chars().map(|c| Atom::One(Set::Char(fold(c, folded)), ONCE)).collect();
        Pattern { alternatives: vec![atoms], folded }
    }

    /// As `grep` reads it: `+`, `?` and `|` are operators behind a backslash.
    ///
    /// # Errors
    /// It has what is not known here.
    pub fn basic(text: &str, folded: bool) -> io::Result<Pattern> {
        parse(text, folded, true)
    }

    /// As `grep -E` reads it.
    ///
    /// # Errors
    /// It has what is not known here.
    pub fn extended(text: &str, folded: bool) -> io::Result<Pattern> {
        parse(text, folded, false)
    }

    /// Where the first match begins and ends, in bytes.
    pub fn find(&self, text: &str) -> Option<(usize, usize)> {
        self.find_from(text, 0)
    }

    /// Like `find`, but not before `start`.
    pub fn find_from(&self, text: &str, start: usize) -> Option<(usize, usize)> {
        let starts = text[start..].char_indices().map(|(at, _)| start + at).chain([text.len()]);
        starts.into_iter().find_map(|at| {
            let ends = self.alternatives.iter().filter_map(|atoms| self.end(atoms, text, at));
            ends.max().map(|end| (at, end))
        })
    }

    /// Where a match of these atoms that begins at `at` ends.
    fn end(&self, atoms: &[Atom], text: &str, at: usize) -> Option<usize> {
        let (set, repeat, rest) = match atoms {
            [] => return Some(at),
            [Atom::Start, rest @ ..] => return if at == 0 { self.end(rest, text, at) } else { None },
            [Atom::End, rest @ ..] => return if at == text.len() { self.end(rest, text, at) } else { None },
            [Atom::One(set, repeat), rest @ ..] => (set, *repeat, rest),
        };
        // As many as there are, then fewer: what is tried is remembered, not recursed into.
        let mut ends = vec![at];
        for sign in text[at..].chars() {
            if ends.len() > repeat.max || !set.has(fold(sign, self.folded)) {
                break;
            }
            ends.push(ends[ends.len() - 1] + sign.len_utf8());
        }
        ends.iter().skip(repeat.min).rev().find_map(|end| self.end(rest, text, *end))
    }
}

fn fold(sign: char, folded: bool) -> char {
    if folded { sign.to_lowercase().next().unwrap_or(sign) } else { sign }
}

impl Set {
    fn has(&self, sign: char) -> bool {
        match self {
            Set::Any => true,
            Set::Char(own) => *own == sign,
            Set::Ranges(ranges, sense) => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&sign)) == (*sense == Sense::In)
            }
        }
    }
}

fn parse(text: &str, folded: bool, basic: bool) -> io::Result<Pattern> {
    let signs: Vec<char> = text.chars().collect();
    let mut alternatives = vec![Vec::new()];
    let mut at = 0;
    while at < signs.len() {
        let escaped = signs[at] == '\\' && at + 1 < signs.len();
        let sign = signs[at + usize::from(escaped)];
        at += 1 + usize::from(escaped);
        let atoms = alternatives.last_mut().expect("there is always one");
        // In a basic expression a backslash makes an operator, in an extended one it takes one's meaning.
        let operator = escaped == (basic && "+?|(){}".contains(sign));
        match (sign, operator) {
            ('|', true) => alternatives.push(Vec::new()),
            ('(' | ')' | '{' | '}', true) => return fail(format_args!("'{sign}' in a pattern is not known here")),
            ('*' | '+' | '?', true) => match atoms.last_mut() {
                Some(Atom::One(_, repeat)) => *repeat = repeated(sign),
                _ if sign == '*' => atoms.push(Atom::One(Set::Char('*'), ONCE)),
                _ => return fail(format_args!("nothing before '{sign}' in the pattern")),
            },
            ('^', true) if !basic || atoms.is_empty() => atoms.push(Atom::Start),
            ('$', true) if !basic || at == signs.len() => atoms.push(Atom::End),
            ('.', true) => atoms.push(Atom::One(Set::Any, ONCE)),
            ('[', true) => {
                let Some((set, end)) = bracket(&signs, at, folded) else {
                    return fail("'[' without ']' in the pattern");
                };
                atoms.push(Atom::One(set, ONCE));
                at = end;
            }
            (sign, _) => atoms.push(Atom::One(Set::Char(fold(sign, folded)), ONCE)),
        }
    }
    Ok(Pattern { alternatives, folded })
}

fn repeated(sign: char) -> Repeat {
    match sign {
        '+' => Repeat { min: 1, max: usize::MAX },
        '?' => Repeat { min: 0, max: 1 },
        _ => Repeat { min: 0, max: usize::MAX },
    }
}

/// The set whose `[` stands before `at`, and where it ends.
fn bracket(signs: &[char], mut at: usize, folded: bool) -> Option<(Set, usize)> {
    let sense = if matches!(signs.get(at), Some('^' | '!')) { Sense::NotIn } else { Sense::In };
    at += usize::from(sense == Sense::NotIn);
    let begin = at;
    let mut ranges = Vec::new();
    loop {
        let first = *signs.get(at)?;
        if first == ']' && at > begin {
            return Some((Set::Ranges(ranges, sense), at + 1));
        }
        if let Some((class, end)) = class(signs, at) {
            ranges.extend_from_slice(class);
            at = end;
            continue;
        }
        let last = match (signs.get(at + 1), signs.get(at + 2)) {
            (Some('-'), Some(last)) if *last != ']' => *last,
            _ => first,
        };
        at += if last == first { 1 } else { 3 };
        ranges.push((fold(first, folded), fold(last, folded)));
    }
}

/// A class like `[:digit:]` at `at`, and where it ends.
fn class(signs: &[char], at: usize) -> Option<(&'static [(char, char)], usize)> {
    if signs.get(at..at + 2) != Some(&['[', ':']) {
        return None;
    }
    let length = signs[at + 2..].iter().position(|sign| *sign == ':')?;
    let name: String = signs[at + 2..at + 2 + length].iter().collect();
    let ranges: &[(char, char)] = match name.as_str() {
        "digit" => &[('0', '9')],
        "alpha" => &[('a', 'z'), ('A', 'Z')],
        "alnum" => &[('a', 'z'), ('A', 'Z'), ('0', '9')],
        "lower" => &[('a', 'z')],
        "upper" => &[('A', 'Z')],
        "space" => &[(' ', ' '), ('\t', '\r')],
        _ => return None,
    };
    Some((ranges, at + length + 4))
}

/// Whether a shell's pattern matches a whole text. A character that is quoted stands for itself.
pub fn wildcard(pattern: &[(char, bool)], text: &[char]) -> bool {
    let Some(((sign, quoted), rest)) = pattern.split_first() else { return text.is_empty() };
    match (sign, quoted, text) {
        ('*', false, _) => (0..=text.len()).any(|skipped| wildcard(rest, &text[skipped..])),
        ('?', false, [_, after @ ..]) => wildcard(rest, after),
        ('[', false, [first, after @ ..]) => {
            let signs: Vec<char> = rest.iter().map(|(sign, _)| *sign).collect();
            match bracket(&signs, 0, false) {
                Some((set, end)) => set.has(*first) && wildcard(&rest[end..], after),
                None => *first == '[' && wildcard(rest, after),
            }
        }
        (sign, _, [first, after @ ..]) => sign == first && wildcard(rest, after),
        (_, _, []) => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn regular_expressions_find_the_first_and_longest() {
        for (pattern, text, expected) in [
            ("b.*d", "abcdcd", Some((1, 6))),
            ("^a", "ba", None),
            ("a$", "ba", Some((1, 2))),
            ("[0-9]+", "pod-42x", Some((4, 6))),
            ("[^a-z]", "abc", None),
            ("[[:digit:]]?x", "7x", Some((0, 2))),
            ("cat|dog", "hotdog", Some((3, 6))),
            ("a\\.b", "axb a.b", Some((4, 7))),
            ("", "x", Some((0, 0))),
            ("ü+", "süüß", Some((1, 5))),
        ] {
            assert_eq!(Pattern::extended(pattern, false).unwrap().find(text), expected, "{pattern}");
        }
    }

    #[test]
    fn basic_expressions_have_operators_behind_backslashes() {
        assert_eq!(Pattern::basic("a+", false).unwrap().find("aa+"), Some((1, 3)));
        assert_eq!(Pattern::basic("a\\+", false).unwrap().find("aa+"), Some((0, 2)));
        assert_eq!(Pattern::basic("a\\|b", false).unwrap().find("xb"), Some((1, 2)));
        assert_eq!(Pattern::basic("*a", false).unwrap().find("*a"), Some((0, 2)));
        assert_eq!(Pattern::fixed("a.b", true).find("xA.B"), Some((1, 4)));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(Pattern::extended("(a)", false).is_err());
        assert!(Pattern::basic("\\(a\\)", false).is_err());
        assert!(Pattern::extended("[a", false).is_err());
        assert!(Pattern::basic("(a)", false).unwrap().find("(a)").is_some());
    }

    #[test]
    fn wildcards_match_whole_texts() {
        let matches = |pattern: &str, text: &str| {
            let pattern: Vec<(char, bool)> = pattern.chars().map(|c| (c, false)).collect();
            wildcard(&pattern, &text.chars().collect::<Vec<_>>())
        };
        assert!(matches("*.txt", "a.txt") && !matches("*.txt", "a.txt.gz"));
        assert!(matches("a?c", "abc") && matches("[!x]*", "abc") && !matches("[a-b]", "c"));
        assert!(wildcard(&[('*', true)], &['*']) && !wildcard(&[('*', true)], &['a']));
    }
}
