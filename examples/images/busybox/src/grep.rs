//! `grep`: the lines that match.

use std::io::{self, Write};
use std::path::Path;

use crate::call::{Call, In, Out, fail};
use crate::files::open;
use crate::options::{Options, options};
use crate::pattern::Pattern;

/// As upstream, so that "nothing matched" is not confused with it.
const CODE_ERROR: u8 = 2;

/// `grep`: 0 if a line was chosen, 1 if none.
///
/// # Errors
/// The output breaks.
pub fn grep(call: &mut Call) -> io::Result<u8> {
    match search(call) {
        Err(err) if err.kind() != io::ErrorKind::BrokenPipe => {
            call.complain(err);
            Ok(CODE_ERROR)
        }
        result => result,
    }
}

fn search(call: &mut Call) -> io::Result<u8> {
    let mut options = options(call.args, "ivnclqhHFEswxore:")?;
    let mut texts: Vec<String> = options.values('e').map(str::to_owned).collect();
    if texts.is_empty() {
        if options.words.is_empty() {
            return fail("missing pattern");
        }
        texts.push(options.words.remove(0));
    }
    let patterns = texts.iter().flat_map(|text| text.lines().chain(text.is_empty().then_some("")));
    let patterns = patterns.map(|text| pattern(text, &options)).collect::<io::Result<Vec<_>>>()?;
    let files = if options.has('r') { below(&options.words) } else { options.words.clone() };
    let named = options.has('H') || (files.len() > 1 || options.has('r')) && !options.has('h');
    let mut chosen = 0;
    let code = open::each(call, &files, |name, file, out| {
        let name = if name == "-" { "(standard input)" } else { name };
        chosen += lines(&file, &patterns, &options, named.then_some(name), out)?;
        if options.has('l') && chosen > 0 {
            writeln!(out, "{name}")?;
        }
        Ok(())
    })?;
    match (chosen, code) {
        (1.., _) if code == 0 || options.has('q') => Ok(0),
        (_, 0) => Ok(1),
        _ => Ok(CODE_ERROR),
    }
}

fn pattern(text: &str, options: &Options) -> io::Result<Pattern> {
    let folded = options.has('i');
    match () {
        () if options.has('F') => Ok(Pattern::fixed(text, folded)),
        () if options.has('E') => Pattern::extended(text, folded),
        () => Pattern::basic(text, folded),
    }
}

/// The files at and below these paths.
fn below(words: &[String]) -> Vec<String> {
    let mut files = Vec::new();
    let here = [".".to_owned()];
    let mut left: Vec<String> = if words.is_empty() { here.to_vec() } else { words.to_vec() };
    while let Some(path) = left.pop() {
        match Path::new(&path).is_dir().then(|| std::fs::read_dir(&path)) {
            Some(Ok(entries)) => {
                left.extend(entries.flatten().map(|entry| entry.path().to_string_lossy().into_owned()))
            }
            _ => files.push(path),
        }
    }
    files.sort();
    files
}

/// Prints a file's chosen lines; how many there were.
fn lines(file: &In, patterns: &[Pattern], options: &Options, name: Option<&str>, out: &mut Out) -> io::Result<u64> {
    let (mut number, mut chosen) = (0, 0);
    let silent = ['q', 'l', 'c'].into_iter().any(|letter| options.has(letter));
    let prefix = name.map_or_else(String::new, |name| format!("{name}:"));
    while let Some(line) = file.line()? {
        number += 1;
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
        let found = patterns.iter().find_map(|pattern| found(pattern, &text, options));
        if found.is_some() == options.has('v') {
            continue;
        }
        chosen += 1;
        if options.has('q') || options.has('l') {
            return Ok(chosen);
        }
        if silent {
            continue;
        }
        let number = if options.has('n') { format!("{number}:") } else { String::new() };
        match found.filter(|_| options.has('o')) {
            Some(first) => {
                let mut next = Some(first);
                while let Some((start, end)) = next.filter(|(start, end)| end > start) {
                    writeln!(out, "{prefix}{number}{}", &text[start..end])?;
                    next = patterns.iter().find_map(|pattern| pattern.find_from(&text, end));
                }
            }
            None => writeln!(out, "{prefix}{number}{text}")?,
        }
        out.flush()?;
    }
    if options.has('c') {
        writeln!(out, "{prefix}{chosen}")?;
    }
    Ok(chosen)
}

fn found(pattern: &Pattern, text: &str, options: &Options) -> Option<(usize, usize)> {
    let is_word = |sign: Option<char>| sign.is_some_and(|sign| sign.is_alphanumeric() || sign == '_');
    let mut from = 0;
    loop {
        let (start, end) = pattern.find_from(text, from)?;
        let whole_line = (start, end) == (0, text.len());
        let whole_word = !is_word(text[..start].chars().next_back()) && !is_word(text[end..].chars().next());
        if (!options.has('x') || whole_line) && (!options.has('w') || whole_word) {
            return Some((start, end));
        }
        from = start + text[start..].chars().next()?.len_utf8();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::call::{Env, Streams};
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Runs `grep` on a text; its output and code.
    fn grepped(args: &str, text: &'static str) -> (String, u8) {
        struct Into(Rc<RefCell<Vec<u8>>>);
        impl Write for Into {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.borrow_mut().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let printed = Rc::new(RefCell::new(Vec::new()));
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        let out = Out::new(Into(printed.clone()));
        let streams = Streams { input: In::new(text.as_bytes()), out: out.clone(), err: out };
        let code = grep(&mut Call { name: "grep", args: &args, env: &Env::new(), streams }).unwrap();
        let text = String::from_utf8(printed.borrow().clone()).unwrap();
        (text, code)
    }

    #[test]
    fn lines_are_chosen() {
        let text = "one\ntwo\nTwofold\n";
        for (args, printed, code) in [
            ("two", "two\n", 0),
            ("-i two", "two\nTwofold\n", 0),
            ("-v two", "one\nTwofold\n", 0),
            ("-iw two", "two\n", 0),
            ("-n T", "3:Twofold\n", 0),
            ("-c o", "3\n", 0),
            ("-q one", "", 0),
            ("three", "", 1),
            ("-o w[a-z]*", "wo\nwofold\n", 0),
        ] {
            assert_eq!(grepped(args, text), (printed.to_owned(), code), "{args}");
        }
        assert_eq!(grepped("-E (a)", text).1, CODE_ERROR);
    }
}
