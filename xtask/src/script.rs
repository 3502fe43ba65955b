//! Reads a README as a script, and decides whether what its commands print is what it says.

/// The sign for any text.
const ANY: &str = "…";

/// One command of a README, and what it must print.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) expected: Vec<String>,
}

/// The commands of a README's `console` blocks.
pub(crate) fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step { line: number + 1, command: command.to_owned(), expected: Vec::new() });
                }
                (None, Some(step)) => step.expected.push(line.to_owned()),
                (None, None) => {}
            },
            (false, _) => {}
        }
    }
    steps
}

/// Whether `printed` is what was expected.
pub(crate) fn matches(expected: &[String], printed: &[&str]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, _) => printed.is_empty(),
        (Some((first, rest)), _) if first.trim() == ANY => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        (Some((first, rest)), Some((line, lines))) => matches_line(first, line) && matches(rest, lines),
        (Some(_), None) => false,
    }
}

fn matches_line(expected: &str, printed: &str) -> bool {
    let mut parts = expected.trim_end().split(ANY);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.trim_end().strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_console_blocks_are_played() {
        let text = "# Title\n```sh\n$ rm -rf x\n```\n```console\n$ echo a\na\n$ true\n```\n";
        let expected = [
            Step { line: 6, command: "echo a".into(), expected: vec!["a".into()] },
            Step { line: 8, command: "true".into(), expected: vec![] },
        ];
        assert_eq!(steps(text), expected);
    }

    #[test]
    fn an_ellipsis_stands_for_anything() {
        let check = |expected: &[&str], printed: &[&str]| {
            matches(&expected.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(), printed)
        };
        assert!(check(&["a…c"], &["abbbc"]));
        assert!(!check(&["a…c"], &["abbb"]));
        assert!(check(&["a", "…", "z"], &["a", "b", "c", "z"]));
        assert!(check(&["…"], &[]));
        assert!(!check(&["a"], &["a", "b"]));
        assert!(!check(&[], &["a"]));
    }
}
