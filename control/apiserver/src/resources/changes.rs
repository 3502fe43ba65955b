//! What the refusal of a change shows of it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::Path;

/// Lines that a refusal shows of what changed.
const SHOWN_MAX: usize = 20;

/// What differs between two trees, in lines of `path: old -> new` behind a head that tells it from the sentence.
pub(super) fn changes(old: &Value, new: &Value) -> String {
    let mut lines = Vec::new();
    compare(&Path::root(), old, new, &mut lines);
    lines.truncate(SHOWN_MAX);
    format!("@@ - spec, + spec @@\n{}\n", lines.join("\n"))
}

fn compare(path: &Path, old: &Value, new: &Value, lines: &mut Vec<String>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(a), Value::Object(b)) => {
            let null = Value::Null;
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let at = path.child(name);
                compare(&at, a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null), lines);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&path.index(i), a, b, lines);
            }
        }
        _ => lines.push(format!("-{path}: {old}\n+{path}: {new}")),
    }
}
