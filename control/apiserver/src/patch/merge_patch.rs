//! JSON merge patch (RFC 7386) with the habits of the library that upstream uses (`evanphx/json-patch` v4).

use serde_json::Value;

use super::document::{Elements, Members, Node};
use super::{FieldValidation, Text};
use crate::error::Failure;
use crate::schema::json::{Reader, Token, duplicates};

/// The patched text, and what is there twice in the patch.
pub(super) fn apply(current: &Value, body: &[u8], validation: FieldValidation) -> Result<Text, Failure> {
    let token = Reader::new(body).peek();
    let checked = validation != FieldValidation::Ignore;
    if checked && !matches!(token, Token::Object | Token::Null) {
        let what = token.name();
        let text = format!(
            "error decoding patch: json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
        );
        return Err(Failure::bad_request(text));
    }
    let bad = || Failure::bad_request("Invalid JSON Patch");
    let mut patch = Node::parse(Reader::new(body).raw()).ok_or_else(bad)?;
    if let Some(elements) = patch.elements() {
        prune_elements(elements);
        return Ok((patch.text(), Vec::new()));
    }
    let Some(members) = patch.members() else { return Err(bad()) };
    let mut document = Node::of(current);
    merge_members(document.members().expect("objects are JSON objects"), std::mem::take(members));
    let told = if checked { duplicates(body) } else { Vec::new() };
    let told = told.iter().map(|path| format!("duplicate field \"{}\"", path.trim_start_matches('.'))).collect();
    Ok((document.text(), told))
}

fn merge_members(document: &mut Members, patch: Members) {
    for (key, value) in patch {
        let Some(mut value) = value else {
            document.remove(&key);
            continue;
        };
        let merged = match document.remove(&key).flatten() {
            Some(current) => merge(current, value),
            None => {
                prune(&mut value);
                value
            }
        };
        document.insert(key, Some(merged));
    }
}

fn merge(mut current: Node, mut patch: Node) -> Node {
    let Some(document) = current.members() else {
        prune(&mut patch);
        return patch;
    };
    let Some(members) = patch.members() else { return patch };
    merge_members(document, std::mem::take(members));
    current
}

/// Drops null members, also of objects in arrays; null elements stay.
fn prune(node: &mut Node) {
    if let Some(members) = node.members() {
        members.retain(|_, value| value.is_some());
        members.values_mut().flatten().for_each(prune);
    } else if let Some(elements) = node.elements() {
        prune_elements(elements);
    }
}

fn prune_elements(elements: &mut Elements) {
    elements.iter_mut().flatten().for_each(prune);
}
