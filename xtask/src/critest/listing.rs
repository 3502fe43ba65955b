//! Compares what critest reported with what `docs/critest.md` says of each spec.
//!
//! A spec stands under a heading with its groups and in a row with its own words: `| spec | passes | why |`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// What came of a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Passes,
    Fails,
    Skipped,
}

/// Specs, by heading and row.
pub(super) type Listing = BTreeMap<(String, String), Outcome>;

const OUTCOMES: [(Outcome, &str, &str); 3] = [
    (Outcome::Passes, "passes", "passed"),
    (Outcome::Fails, "fails", "failed"),
    (Outcome::Skipped, "skipped", "skipped"),
];
/// What stands before every group of upstream's.
const PREFIX: &str = "[k8s.io] ";
/// They measure and check nothing.
const BENCHMARK: &str = "benchmark";

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = OUTCOMES.iter().find(|(outcome, ..)| outcome == self).map_or("", |(_, word, _)| word);
        f.write_str(word)
    }
}

/// What the documentation says.
pub(super) fn documented(text: &str) -> Listing {
    let mut listing = Listing::new();
    let mut heading = "";
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            heading = title;
        }
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (Some(spec), Some(word)) = (cells.next(), cells.next()) else { continue };
        if let Some((outcome, ..)) = OUTCOMES.iter().find(|(_, name, _)| *name == word) {
            // A bar would end the cell.
            listing.insert((heading.to_owned(), spec.replace("&#124;", "|")), *outcome);
        }
    }
    listing
}

/// What critest's report says.
///
/// # Errors
/// There is no report, or it is none.
pub(super) fn reported(path: &Path) -> Result<Listing> {
    let bytes = std::fs::read(path).context("critest left no report")?;
    let suites: Value = serde_json::from_slice(&bytes).context("critest's report is no JSON")?;
    let specs = suites.as_array().into_iter().flatten().filter_map(|suite| suite["SpecReports"].as_array()).flatten();
    Ok(specs.filter(|spec| spec["LeafNodeType"] == "It").filter_map(of_spec).collect())
}

fn of_spec(spec: &Value) -> Option<((String, String), Outcome)> {
    let groups: Vec<&str> = spec["ContainerHierarchyTexts"].as_array()?.iter().filter_map(Value::as_str).collect();
    let heading = groups.join(": ");
    let heading = heading.strip_prefix(PREFIX).unwrap_or(&heading);
    if heading.contains(BENCHMARK) {
        return None;
    }
    // Whatever else ginkgo knows, such as a panic, is a failure.
    let state = spec["State"].as_str().unwrap_or_default();
    let outcome = OUTCOMES.iter().find(|(_, _, name)| *name == state).map_or(Outcome::Fails, |(outcome, ..)| *outcome);
    Some(((heading.to_owned(), spec["LeafNodeText"].as_str()?.to_owned()), outcome))
}

/// How many specs there are of each outcome.
pub(super) fn counts(listing: &Listing) -> String {
    let count = |wanted: Outcome| listing.values().filter(|outcome| **outcome == wanted).count();
    format!(
        "{} pass, {} fail and {} are skipped, of {}",
        count(Outcome::Passes),
        count(Outcome::Fails),
        count(Outcome::Skipped),
        listing.len()
    )
}

/// In what a run and the documentation differ.
pub(super) fn differences(documented: &Listing, reported: &Listing) -> Vec<String> {
    let mut found = Vec::new();
    for ((heading, spec), outcome) in reported {
        match documented.get(&(heading.clone(), spec.clone())) {
            Some(said) if said == outcome => {}
            Some(said) => found.push(format!("{outcome}, but `{said}` is documented: {heading}: {spec}")),
            None => found.push(format!("{outcome}, and not documented: {heading}: {spec}")),
        }
    }
    let gone = documented.keys().filter(|key| !reported.contains_key(*key));
    found.extend(gone.map(|(heading, spec)| format!("documented, but not there: {heading}: {spec}")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
### Container: basics

| spec | | why |
|---|---|---|
| starts | passes | |
| stops | fails | not yet: no signals |
";

    #[test]
    fn a_run_is_compared_with_each_row() {
        let said = documented(DOCUMENT);
        let key = |spec: &str| ("Container: basics".to_owned(), spec.to_owned());
        assert_eq!(said.get(&key("stops")), Some(&Outcome::Fails));
        let found = Listing::from([(key("starts"), Outcome::Fails), (key("sleeps"), Outcome::Passes)]);
        assert_eq!(
            differences(&said, &found),
            [
                "passes, and not documented: Container: basics: sleeps",
                "fails, but `passes` is documented: Container: basics: starts",
                "documented, but not there: Container: basics: stops",
            ]
        );
        assert_eq!(differences(&said, &said), [""; 0]);
        assert_eq!(counts(&said), "1 pass, 1 fail and 0 are skipped, of 2");
    }
}
