//! YAML bodies into JSON, by the rules of YAML 1.1 that `sigs.k8s.io/yaml` keeps (`yes` is true, `010` is 8).
//!
//! Guarantees: nesting and the number of nodes are bounded, also where aliases repeat a part. Only the first document counts.

mod scalar;

use std::collections::{BTreeMap, HashMap, HashSet};

use granit_parser::{Event, Parser, options};
use serde_json::Value;

use super::json::DEPTH_MAX;

/// How many nodes a document may have, repeated parts counted each time.
const NODES_MAX: usize = 1 << 20;

/// A YAML body as JSON.
pub struct Converted {
    /// One JSON value.
    pub json: Vec<u8>,
    /// `line 3: key "a" already set in map`, of which the last counts.
    pub duplicates: Vec<String>,
}

/// Turns the first document of a body into JSON.
///
/// # Errors
/// If the body is no YAML, or nothing that JSON can say.
pub fn to_json(body: &[u8]) -> Result<Converted, String> {
    let text = std::str::from_utf8(body).map_err(|_| "yaml: invalid leading UTF-8 octet".to_owned())?;
    let mut builder = Builder::default();
    let options = options! { flow_nesting_limit: DEPTH_MAX, block_nesting_limit: DEPTH_MAX };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|e| format!("yaml: {e}"))?;
        builder.take(event, span.start.line())?;
        if builder.root.is_some() {
            break;
        }
    }
    let mut json = Vec::new();
    builder.root.unwrap_or(Node::Null).write(&mut json);
    Ok(Converted { json, duplicates: builder.duplicates })
}

#[derive(Clone)]
enum Node {
    Null,
    Bool(bool),
    /// As JSON writes it.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// Keys are strings already; of equal ones the last counts.
    Map(Vec<(String, Node)>),
}

enum Open {
    List(Vec<Node>, usize),
    Map { pairs: Vec<(String, Node)>, key: Option<String>, seen: HashSet<String>, anchor: usize },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    duplicates: Vec<String>,
    nodes: usize,
    root: Option<Node>,
}

// === impl Builder ===

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar::scalar(&text, style, tag.as_deref())?;
                self.put(node, anchor, line)
            }
            Event::SequenceStart(_, anchor, _) => self.enter(Open::List(Vec::new(), anchor)),
            Event::MappingStart(_, anchor, _) => {
                self.enter(Open::Map { pairs: Vec::new(), key: None, seen: HashSet::new(), anchor })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(list, anchor)) => self.put(Node::List(list), anchor, line),
                Some(Open::Map { pairs, anchor, .. }) => self.put(Node::Map(pairs), anchor, line),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or("yaml: anchor contains itself")?;
                self.nodes = self.nodes.saturating_add(node.count());
                self.put(node, 0, line)
            }
            Event::DocumentEnd => {
                self.root.get_or_insert(Node::Null);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), String> {
        self.open.push(open);
        if self.open.len() > DEPTH_MAX { Err("yaml: exceeded max depth".to_owned()) } else { Ok(()) }
    }

    fn put(&mut self, node: Node, anchor: usize, line: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err("yaml: document contains excessive aliasing".to_owned());
        }
        if anchor != 0 {
            self.nodes = self.nodes.saturating_add(node.count());
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(list, _)) => list.push(node),
            Some(Open::Map { pairs, key, seen, .. }) => match key.take() {
                None => *key = Some(node.into_key()?),
                Some(key) if key == "<<" => merge(pairs, node)?,
                Some(key) => {
                    if !seen.insert(key.clone()) {
                        self.duplicates.push(format!("line {line}: key {key:?} already set in map"));
                    }
                    pairs.push((key, node));
                }
            },
        }
        Ok(())
    }
}

/// The merge key: what the other maps have comes first, so that the map's own keys win.
fn merge(pairs: &mut Vec<(String, Node)>, node: Node) -> Result<(), String> {
    let maps = match node {
        Node::List(list) => list,
        other => vec![other],
    };
    for map in maps {
        let Node::Map(other) = map else {
            return Err("yaml: map merge requires map or sequence of maps as the value".to_owned());
        };
        pairs.splice(0..0, other);
    }
    Ok(())
}

// === impl Node ===

impl Node {
    fn into_key(self) -> Result<String, String> {
        match self {
            Node::Null => Ok("null".to_owned()),
            Node::Bool(flag) => Ok(flag.to_string()),
            Node::Number(text) | Node::Text(text) => Ok(text),
            Node::List(_) | Node::Map(_) => Err("error converting YAML to JSON: yaml: invalid map key".to_owned()),
        }
    }

    fn count(&self) -> usize {
        match self {
            Node::List(list) => 1 + list.iter().map(Node::count).sum::<usize>(),
            Node::Map(pairs) => 1 + pairs.iter().map(|(_, node)| node.count()).sum::<usize>(),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => 1,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Node::Null => out.extend_from_slice(b"null"),
            Node::Bool(flag) => out.extend_from_slice(flag.to_string().as_bytes()),
            Node::Number(text) => out.extend_from_slice(text.as_bytes()),
            Node::Text(text) => out.extend_from_slice(Value::from(text.as_str()).to_string().as_bytes()),
            Node::List(list) => {
                out.push(b'[');
                for (index, node) in list.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    node.write(out);
                }
                out.push(b']');
            }
            Node::Map(pairs) => {
                // Upstream's JSON comes out of a map: sorted, and each key once.
                let last: BTreeMap<&str, &Node> = pairs.iter().map(|(k, v)| (k.as_str(), v)).collect();
                out.push(b'{');
                for (index, (key, node)) in last.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(Value::from(key).to_string().as_bytes());
                    out.push(b':');
                    node.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn json(body: &str) -> String {
        String::from_utf8(to_json(body.as_bytes()).unwrap().json).unwrap()
    }

    #[test]
    fn scalars_follow_yaml_1_1() {
        let body = "{a: 010, b: 0x1f, c: 1_000, d: yes, e: \"yes\", f: 1.0, g: .5, h: ~, i: 2024-01-02, j: 1e3, k: 12e-1, l: 1.2.3, n: \"\", o: 08}";
        let expected = r#"{"a":8,"b":31,"c":1000,"d":true,"e":"yes","f":1,"g":0.5,"h":null,"i":"2024-01-02","j":1000,"k":1.2,"l":"1.2.3","false":"","o":8}"#;
        let (got, expected): (Value, Value) =
            (serde_json::from_str(&json(body)).unwrap(), serde_json::from_str(expected).unwrap());
        assert_eq!(got, expected);
    }

    #[test]
    fn block_style_anchors_and_merges_work() {
        let body = "base: &b\n  x: 1\n  y: [a, &s q]\nuse:\n  <<: *b\n  x: 2\nagain: *s\ntext: |\n  l1\n  l2\n---\nsecond: 1\n";
        assert_eq!(
            json(body),
            r#"{"again":"q","base":{"true":["a","q"],"x":1},"text":"l1\nl2\n","use":{"true":["a","q"],"x":2}}"#
        );
        assert_eq!(json(""), "null");
    }

    #[test]
    fn keys_that_are_there_twice_are_told_with_their_line() {
        let converted = to_json(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").unwrap();
        assert_eq!(converted.json, br#"{"a":3,"b":{"c":2}}"#);
        assert_eq!(
            converted.duplicates,
            ["line 4: key \"c\" already set in map", "line 5: key \"a\" already set in map"]
        );
    }

    #[test]
    fn what_explodes_or_is_no_yaml_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let last = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{last}"); 10].join(", ")));
        }
        assert_eq!(to_json(bomb.as_bytes()).err().unwrap(), "yaml: document contains excessive aliasing");
        assert!(to_json(b"a: [").is_err());
        assert!(to_json(b"a: .nan").is_err());
        assert!(to_json("[".repeat(5000).as_bytes()).is_err());
    }
}
