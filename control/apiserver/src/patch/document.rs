//! A JSON document that is opened only where a patch touches it, so that the rest keeps its text.
//!
//! JSON Patch compares texts (`1` is not `1.0`), and keys that are there twice must still be there when the result is decoded.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::schema::json::{Reader, Token};

/// Members of an object; null is `None`.
pub(super) type Members = BTreeMap<String, Option<Node>>;

/// Elements of an array; null is `None`.
pub(super) type Elements = Vec<Option<Node>>;

/// A value that is not null.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Not opened: compact JSON.
    Raw(Vec<u8>),
    /// An opened object.
    Object(Members),
    /// An opened array.
    Array(Elements),
}

// === impl Node ===

impl Node {
    /// The document of an object, as Go writes it.
    pub(super) fn of(object: &Value) -> Node {
        Node::Raw(escape_html(object.to_string().as_bytes()))
    }

    /// The value with this text; `None` if it is null.
    pub(super) fn parse(text: &[u8]) -> Option<Node> {
        (text != b"null").then(|| Node::Raw(compact(text)))
    }

    /// Opens it as an object, if it is one.
    pub(super) fn members(&mut self) -> Option<&mut Members> {
        if let Node::Raw(text) = self {
            let mut reader = Reader::new(text);
            if reader.peek() != Token::Object {
                return None;
            }
            let mut members = Members::new();
            reader.enter();
            while let Some(key) = reader.next_key() {
                members.insert(key.into_owned(), Node::parse(reader.raw()));
            }
            *self = Node::Object(members);
        }
        match self {
            Node::Object(members) => Some(members),
            Node::Raw(_) | Node::Array(_) => None,
        }
    }

    /// Opens it as an array, if it is one.
    pub(super) fn elements(&mut self) -> Option<&mut Elements> {
        if let Node::Raw(text) = self {
            let mut reader = Reader::new(text);
            if reader.peek() != Token::Array {
                return None;
            }
            let mut elements = Elements::new();
            reader.enter();
            while reader.next_element() {
                elements.push(Node::parse(reader.raw()));
            }
            *self = Node::Array(elements);
        }
        match self {
            Node::Array(elements) => Some(elements),
            Node::Raw(_) | Node::Object(_) => None,
        }
    }

    /// Whether both are equal: objects member by member, plain values by their text.
    pub(super) fn equals(&mut self, other: &mut Node) -> bool {
        if self.members().is_some() {
            let (Some(left), Some(right)) = (self.members(), other.members()) else { return false };
            return left.len() == right.len()
                && left.iter_mut().all(|(key, value)| right.get_mut(key).is_some_and(|other| equal(value, other)));
        }
        if self.elements().is_some() {
            let (Some(left), Some(right)) = (self.elements(), other.elements()) else { return false };
            return left.len() == right.len() && left.iter_mut().zip(right).all(|(a, b)| equal(a, b));
        }
        matches!((self, other), (Node::Raw(left), Node::Raw(right)) if left == right)
    }

    /// Its text.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        escape_html(&out)
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Node::Raw(text) => out.extend_from_slice(text),
            Node::Object(members) => {
                out.push(b'{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(Value::from(key.as_str()).to_string().as_bytes());
                    out.push(b':');
                    write_value(value, out);
                }
                out.push(b'}');
            }
            Node::Array(elements) => {
                out.push(b'[');
                for (index, value) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_value(value, out);
                }
                out.push(b']');
            }
        }
    }
}

/// Whether two values are equal; null equals null.
pub(super) fn equal(left: &mut Option<Node>, right: &mut Option<Node>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => left.equals(right),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn write_value(value: &Option<Node>, out: &mut Vec<u8>) {
    match value {
        Some(node) => node.write(out),
        None => out.extend_from_slice(b"null"),
    }
}

/// The text without spaces between its tokens.
fn compact(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for byte in text {
        if !quoted && matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        }
        out.push(*byte);
        (quoted, escaped) = match (*byte, quoted, escaped) {
            (b'"', true, false) => (false, false),
            (b'"', false, _) => (true, false),
            (b'\\', true, false) => (true, true),
            _ => (quoted, false),
        };
    }
    out
}

/// Go writes these characters as escapes, in whatever string they are.
fn escape_html(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            other => out.push(other),
        }
    }
    out.into_bytes()
}
