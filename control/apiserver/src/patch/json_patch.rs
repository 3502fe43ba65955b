//! JSON Patch (RFC 6902) with the habits of the library that upstream uses (`evanphx/json-patch` v4).

use http::StatusCode;
use serde_json::Value;

use super::document::{Elements, Members, Node, equal};
use super::{FieldValidation, Text, does_not_apply};
use crate::error::Failure;
use crate::schema::json::{Reader, Token, duplicates};

/// How many operations a patch may have.
const OPERATIONS_MAX: usize = 10_000;

/// How many bytes all `copy` operations of a patch may add.
const COPIED_BYTES_MAX: usize = 3 << 20;

#[derive(Default)]
struct Operation {
    op: Option<Value>,
    path: Option<Value>,
    from: Option<Value>,
    value: Option<Option<Node>>,
}

/// The patched text, and what is unknown or there twice in the patch.
pub(super) fn apply(current: &Value, body: &[u8], validation: FieldValidation) -> Result<Text, Failure> {
    let mut told = Vec::new();
    let operations = operations(body, validation, &mut told)?;
    if operations.len() > OPERATIONS_MAX {
        let text = format!(
            "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            operations.len()
        );
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", text));
    }
    let mut document = Node::of(current);
    let mut copied = 0;
    for operation in operations {
        run(&mut document, operation, &mut copied).ok_or_else(does_not_apply)?;
    }
    Ok((document.text(), told))
}

fn operations(body: &[u8], validation: FieldValidation, told: &mut Vec<String>) -> Result<Vec<Operation>, Failure> {
    let mut reader = Reader::new(body);
    let checked = validation != FieldValidation::Ignore;
    match reader.peek() {
        Token::Array => reader.enter(),
        Token::Null => return Ok(Vec::new()),
        other => return Err(misfit(other, "value of type []handlers.jsonPatchOp", "jsonpatch.Patch", checked)),
    }
    let mut list = Vec::new();
    while reader.next_element() {
        match reader.peek() {
            Token::Object => list.push(operation(&mut reader, list.len(), checked, told)?),
            Token::Null => {
                reader.literal();
                list.push(Operation::default());
            }
            other => return Err(misfit(other, "value of type handlers.jsonPatchOp", "jsonpatch.Operation", checked)),
        }
    }
    Ok(list)
}

fn operation(
    reader: &mut Reader<'_>,
    index: usize,
    checked: bool,
    told: &mut Vec<String>,
) -> Result<Operation, Failure> {
    let mut operation = Operation::default();
    let mut seen: Vec<String> = Vec::new();
    let mut tell = |what: &str, member: &str| {
        if checked {
            told.push(format!("json patch {what} field \"[{index}].{member}\""));
        }
    };
    reader.enter();
    while let Some(key) = reader.next_key() {
        let known = matches!(&*key, "op" | "path" | "from" | "value");
        if !known {
            tell("unknown", &key);
            reader.raw();
            continue;
        }
        if seen.iter().any(|s| *s == *key) {
            tell("duplicate", &key);
        }
        seen.push(key.to_string());
        if &*key == "value" {
            let raw = reader.raw();
            for path in duplicates(raw) {
                tell("duplicate", &format!("value{path}"));
            }
            operation.value = Some(Node::parse(raw));
            continue;
        }
        let token = reader.peek();
        if checked && !matches!(token, Token::String | Token::Null) {
            let target = format!("struct field jsonPatchOp.{key} of type string");
            return Err(misfit(token, &target, "", checked));
        }
        let value = Some(reader.tree()).filter(|v| !v.is_null());
        match &*key {
            "op" => operation.op = value,
            "path" => operation.path = value,
            _ => operation.from = value,
        }
    }
    Ok(operation)
}

fn misfit(token: Token, checked_target: &str, target: &str, checked: bool) -> Failure {
    let what = token.name();
    Failure::bad_request(if checked {
        format!("error decoding patch: json: cannot unmarshal {what} into Go {checked_target}")
    } else {
        format!("json: cannot unmarshal {what} into Go value of type {target}")
    })
}

/// Runs one operation; `None` if it does not apply.
fn run(document: &mut Node, operation: Operation, copied: &mut usize) -> Option<()> {
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let path = text(&operation.path);
    let from = text(&operation.from);
    let value = operation.value;
    match operation.op.as_ref().and_then(Value::as_str)? {
        "add" => add(document, &path?, value.flatten()),
        "remove" => remove(document, &path?),
        "replace" => replace(document, &path?, value),
        "move" => {
            let from = from?;
            let moved = get(document, &from)?;
            // Not through `remove`, whose leniency is for clients that remove what upstream always has.
            locate(document, &from)?.remove()?;
            add(document, &path?, moved)
        }
        "copy" => {
            let value = get(document, &from?)?;
            *copied += value.as_ref().map_or(0, |node| node.text().len());
            if *copied > COPIED_BYTES_MAX {
                return None;
            }
            add(document, &path?, value)
        }
        "test" => {
            let path = path?;
            let mut wanted = value.flatten();
            let holds = if path.is_empty() {
                wanted.is_some_and(|mut wanted| document.equals(&mut wanted))
            } else {
                equal(&mut get(document, &path)?, &mut wanted)
            };
            holds.then_some(())
        }
        _ => None,
    }
}

fn add(document: &mut Node, path: &str, value: Option<Node>) -> Option<()> {
    locate(document, path)?.add(value)
}

fn remove(document: &mut Node, path: &str) -> Option<()> {
    // Every object has managedFields upstream, so clients remove them without a test; here they may not be there.
    locate(document, path)?.remove().or((path == "/metadata/managedFields").then_some(()))
}

fn replace(document: &mut Node, path: &str, value: Option<Option<Node>>) -> Option<()> {
    if path.is_empty() {
        let mut whole = value??;
        if whole.members().is_none() && whole.elements().is_none() {
            return None;
        }
        *document = whole;
        return Some(());
    }
    locate(document, path)?.set(value.flatten())
}

fn get(document: &mut Node, path: &str) -> Option<Option<Node>> {
    locate(document, path)?.get()
}

/// A place in the document: a member of an object or an element of an array, which need not be there.
enum Place<'a> {
    Member(&'a mut Members, String),
    Element(&'a mut Elements, String),
}

/// Follows a pointer to its last step. What comes before the first slash is not looked at.
fn locate<'a>(document: &'a mut Node, path: &str) -> Option<Place<'a>> {
    let (_, steps) = path.split_once('/')?;
    let mut steps: Vec<String> = steps.split('/').map(|s| s.replace("~1", "/").replace("~0", "~")).collect();
    let last = steps.pop()?;
    let mut node = document;
    for step in steps {
        node = place(node, step)?.into_node()?;
    }
    place(node, last)
}

fn place(node: &mut Node, step: String) -> Option<Place<'_>> {
    if node.elements().is_some() {
        return node.elements().map(|elements| Place::Element(elements, step));
    }
    node.members().map(|members| Place::Member(members, step))
}

// === impl Place ===

impl<'a> Place<'a> {
    fn into_node(self) -> Option<&'a mut Node> {
        match self {
            Place::Member(members, key) => members.get_mut(&key)?.as_mut(),
            Place::Element(elements, key) => {
                let at = existing(&key, elements.len())?;
                elements[at].as_mut()
            }
        }
    }

    /// An absent member reads as null.
    fn get(self) -> Option<Option<Node>> {
        match self {
            Place::Member(members, key) => Some(members.get(&key).cloned().flatten()),
            Place::Element(elements, key) => Some(elements[existing(&key, elements.len())?].clone()),
        }
    }

    fn set(self, value: Option<Node>) -> Option<()> {
        match self {
            Place::Member(members, key) => {
                members.insert(key, value);
            }
            Place::Element(elements, key) => {
                let at = existing(&key, elements.len())?;
                elements[at] = value;
            }
        }
        Some(())
    }

    fn add(self, value: Option<Node>) -> Option<()> {
        match self {
            Place::Member(members, key) => {
                members.insert(key, value);
            }
            Place::Element(elements, key) if key == "-" => elements.push(value),
            Place::Element(elements, key) => {
                let at = existing(&key, elements.len() + 1)?;
                elements.insert(at, value);
            }
        }
        Some(())
    }

    fn remove(self) -> Option<()> {
        match self {
            Place::Member(members, key) => members.remove(&key).map(|_| ()),
            Place::Element(elements, key) => {
                let at = existing(&key, elements.len())?;
                elements.remove(at);
                Some(())
            }
        }
    }
}

/// An index as Go's `Atoi` reads it (`+1` too); negative ones count from the end.
fn existing(key: &str, length: usize) -> Option<usize> {
    let index: i64 = key.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index + length } else { index };
    usize::try_from(index).ok().filter(|_| index < length)
}
