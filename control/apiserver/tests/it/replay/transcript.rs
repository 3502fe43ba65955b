//! Reads transcripts: requests, and the answers that Kubernetes 1.37.2 gave to them.
//!
//! Comments and options come first, then steps: `>` lines, body lines, `<` lines, answer lines. An empty line ends a step.

use std::collections::HashMap;

/// A transcript.
pub struct Transcript {
    /// `# namespace: none` and the like.
    pub options: HashMap<String, String>,
    /// What was asked, in order.
    pub steps: Vec<Step>,
}

/// A request and its answer.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    /// `GET /api/v1/…`, with references still in it.
    pub line: String,
    /// `Name: value`, with references still in them.
    pub headers: Vec<String>,
    /// May be empty.
    pub body: Vec<String>,
    /// The `<` line, warnings, then the body.
    pub answer: Vec<String>,
}

/// The options that a transcript may have.
const OPTIONS: &[&str] = &["managedFields", "namespace", "counts", "patience", "agent"];

impl Transcript {
    /// Reads one.
    ///
    /// # Panics
    /// When the text is no transcript: a test file is wrong, not the server.
    pub fn parse(text: &str) -> Transcript {
        let mut options = HashMap::new();
        let mut steps: Vec<Step> = Vec::new();
        let mut inside = false;
        for raw in text.split('\n') {
            if raw.trim().is_empty() {
                inside = false;
            } else if !inside && raw.starts_with('#') {
                if let Some((name, value)) = option(raw) {
                    options.insert(name, value);
                }
            } else if !inside {
                let line =
                    raw.strip_prefix("> ").unwrap_or_else(|| panic!("a step starts with `> METHOD PATH`: {raw}"));
                steps.push(Step { line: line.to_owned(), ..Step::default() });
                inside = true;
            } else {
                let step = steps.last_mut().expect("inside means that there is one");
                match (step.answer.is_empty(), raw.strip_prefix("> ")) {
                    (false, _) => step.answer.push(raw.to_owned()),
                    (true, _) if raw.starts_with("< ") => step.answer.push(raw.to_owned()),
                    (true, Some(header)) => step.headers.push(header.to_owned()),
                    (true, None) => step.body.push(raw.to_owned()),
                }
            }
        }
        Transcript { options, steps }
    }

    /// Whether an option has this value.
    pub fn option_is(&self, name: &str, value: &str) -> bool {
        self.options.get(name).is_some_and(|given| given == value)
    }
}

/// `# name: value`, if `name` is an option.
fn option(comment: &str) -> Option<(String, String)> {
    let (name, value) = comment.trim_start_matches('#').trim_start().split_once(':')?;
    let value = value.split_whitespace().next()?;
    OPTIONS.contains(&name).then(|| (name.to_owned(), value.to_owned()))
}

#[test]
fn a_step_has_headers_body_and_answer() {
    let text = "# Title\n# namespace: none\n\n# Why.\n> POST /a\n> Accept: x\n{\"a\":1}\n< 200 application/json\n{\n}\n\n> GET /b\n< 404 text/plain\n";
    let transcript = Transcript::parse(text);
    assert!(transcript.option_is("namespace", "none"));
    let lines = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        transcript.steps,
        [
            Step {
                line: "POST /a".into(),
                headers: lines(&["Accept: x"]),
                body: lines(&["{\"a\":1}"]),
                answer: lines(&["< 200 application/json", "{", "}"]),
            },
            Step { line: "GET /b".into(), answer: lines(&["< 404 text/plain"]), ..Step::default() },
        ]
    );
}
