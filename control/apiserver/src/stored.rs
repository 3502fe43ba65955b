//! How an object lies in the store: JSON whose head is the same for a whole kind, so that lists, revisions and metadata
//! are cut and spliced without parsing.
//!
//! `{"kind":"K","apiVersion":"V","metadata":{"resourceVersion":"R",…},…}`: the head ends before `"metadata"`, and the
//! revision stands right after it.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value, json};
use storage::{Draft, Index, Object, Revision};

use crate::object::Fields;
use crate::registry::resource::Resource;

/// What stands between the head and the revision.
const METADATA: &str = "\"metadata\":{\"resourceVersion\":\"";
/// What stands before the value of `metadata`.
const METADATA_KEY: &str = "\"metadata\":";

/// `{"kind":"K","apiVersion":"V",`: how every stored object of the kind begins.
pub fn head(resource: &Resource) -> String {
    format!("{{\"kind\":{},\"apiVersion\":{},", json!(&*resource.gvk.kind), json!(resource.gvk.api_version()))
}

/// The object as the store takes it. The revision that the tree has is left out.
pub fn draft(resource: &Resource, object: &Value) -> Draft {
    let mut value = head(resource).into_bytes();
    value.extend_from_slice(METADATA.as_bytes());
    let revision_at = value.len();
    value.push(b'"');
    let empty = Map::new();
    for (key, member) in object.at("metadata").and_then(Value::as_object).unwrap_or(&empty) {
        if key != "resourceVersion" {
            write_member(&mut value, key, member);
        }
    }
    value.push(b'}');
    for (key, member) in object.as_object().unwrap_or(&empty) {
        if !matches!(key.as_str(), "kind" | "apiVersion" | "metadata") {
            write_member(&mut value, key, member);
        }
    }
    value.push(b'}');
    Draft { value: value.into(), revision_at, index: index(resource, object), durability: resource.durability }
}

/// The object with another revision in it: a deletion shows the state before it under the deletion's revision.
pub fn with_revision(resource: &Resource, object: &Object, revision: Revision) -> Bytes {
    let start = head(resource).len() + METADATA.len();
    let old = &object.value;
    let digits = old[start.min(old.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut value = BytesMut::with_capacity(old.len() + 20);
    value.put_slice(&old[..start]);
    value.put_slice(revision.0.to_string().as_bytes());
    value.put_slice(&old[start + digits..]);
    value.freeze()
}

/// The bytes of the value of `metadata`.
pub fn metadata<'a>(head: &str, value: &'a [u8]) -> &'a [u8] {
    let start = (head.len() + METADATA_KEY.len()).min(value.len());
    let rest = &value[start..];
    &rest[..object_len(rest)]
}

/// The tree of a stored object.
pub fn decode(object: &Object) -> Value {
    serde_json::from_slice(&object.value).expect("stored objects were encoded by this server")
}

/// What selectors ask for.
fn index(resource: &Resource, object: &Value) -> Index {
    let empty = Map::new();
    let mut labels: Vec<(Box<str>, Box<str>)> = object
        .at("metadata.labels")
        .and_then(Value::as_object)
        .unwrap_or(&empty)
        .iter()
        .map(|(key, value)| (key.as_str().into(), value.as_str().unwrap_or_default().into()))
        .collect();
    labels.sort();
    let fields = storage::Fields::new(resource.selectable_fields.iter().map(|(name, read)| (*name, read(object))));
    Index { uid: object.str_at("metadata.uid").into(), labels: labels.into(), fields }
}

fn write_member(out: &mut Vec<u8>, key: &str, value: &Value) {
    out.push(b',');
    serde_json::to_writer(&mut *out, key).expect("a vector takes every byte");
    out.push(b':');
    serde_json::to_writer(&mut *out, value).expect("a vector takes every byte");
}

/// The length of the JSON object that `text` begins with.
fn object_len(text: &[u8]) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match (quoted, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (true, false, b'"') => quoted = false,
            (true, false, _) => {}
            (false, _, b'"') => quoted = true,
            (false, _, b'{') => depth += 1,
            (false, _, b'}') if depth <= 1 => return at + 1,
            (false, _, b'}') => depth -= 1,
            (false, _, _) => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_ends_where_its_braces_close() {
        let head = "{\"kind\":\"K\",\"apiVersion\":\"v1\",";
        let value =
            format!("{head}\"metadata\":{{\"resourceVersion\":\"7\",\"a\":{{\"b\":\"}}\\\"{{\"}}}},\"x\":{{}}}}");
        let cut = String::from_utf8_lossy(metadata(head, value.as_bytes())).into_owned();
        assert_eq!(cut, "{\"resourceVersion\":\"7\",\"a\":{\"b\":\"}\\\"{\"}}");
    }
}
