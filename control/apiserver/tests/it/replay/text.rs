//! JSON as the transcripts write it: sorted keys, one space of indent, or on one line with a space after `,` and `:`.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io;

/// Over several lines.
pub fn pretty(value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b" ")))
        .expect("a tree has text");
    String::from_utf8(out).expect("JSON is UTF-8").split('\n').map(str::to_owned).collect()
}

/// On one line.
pub fn compact(value: &Value) -> String {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, Spaced)).expect("a tree has text");
    String::from_utf8(out).expect("JSON is UTF-8")
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[test]
fn both_forms_are_those_of_the_recorder() {
    let value = serde_json::json!({"b": [1, {}], "a": "é\n"});
    assert_eq!(compact(&value), r#"{"a": "é\n", "b": [1, {}]}"#);
    assert_eq!(pretty(&value), ["{", " \"a\": \"é\\n\",", " \"b\": [", "  1,", "  {}", " ]", "}"]);
}
