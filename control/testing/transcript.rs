//! Tests as stories: a file of scenes, each with what is given and what came of it. `UPDATE_EXPECT=1` rewrites the answers.
//!
//! Crates that may not import each other include this file by its path; each reads its own `testdata/`.
//!
//! A scene is a title line `# …`, input lines up to `----`, and the answer up to an empty line or the next title.

use std::path::Path;

/// Runs every scene of `testdata/<name>` through `answer`, and fails if a file says otherwise.
pub(crate) fn check(name: &str, answer: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let text = std::fs::read_to_string(&path).expect("the transcript exists");
    let fresh: Vec<String> =
        scenes(&text).map(|(title, given)| format!("{title}\n{given}----\n{}\n", answer(&given).trim_end())).collect();
    let fresh = fresh.join("\n");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &fresh).expect("the transcript can be written");
    }
    assert!(fresh == text || std::env::var_os("UPDATE_EXPECT").is_some(), "{name} differs; now it is:\n{fresh}");
}

/// The title and the given lines of each scene.
fn scenes(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split("\n# ").filter(|scene| !scene.trim().is_empty()).map(|scene| {
        let (title, rest) = scene.split_once('\n').unwrap_or((scene, ""));
        let given = rest.split("----\n").next().unwrap_or_default();
        (format!("# {}", title.trim_start_matches("# ")), given.to_owned())
    })
}
