//! Keys that are there twice in one object, which a tree cannot show.

use std::collections::HashSet;

use serde_json::Value;

use super::{Reader, Token};

/// How many keys that are there twice are told.
const DUPLICATES_MAX: usize = 100;

/// The tree of a checked text; keys that are there twice are told as `duplicate field "a.b"`.
pub fn tree_with_duplicates(checked: &[u8], told: &mut Vec<String>) -> Value {
    told.extend(duplicates(checked).iter().map(|path| format!("duplicate field \"{}\"", path.trim_start_matches('.'))));
    Reader::new(checked).tree()
}

/// Where in a checked text a key is there twice: `.a.b[0].c`, each place once, at most 100.
pub fn duplicates(checked: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    find_duplicates(&mut Reader::new(checked), &mut String::new(), &mut found);
    found
}

fn find_duplicates(reader: &mut Reader<'_>, path: &mut String, found: &mut Vec<String>) {
    let mark = path.len();
    match reader.peek() {
        Token::Array => {
            reader.enter();
            let mut index = 0_usize;
            while reader.next_element() {
                path.push_str(&format!("[{index}]"));
                find_duplicates(reader, path, found);
                path.truncate(mark);
                index += 1;
            }
        }
        Token::Object => {
            let mut seen = HashSet::new();
            reader.enter();
            while let Some(key) = reader.next_key() {
                path.push('.');
                path.push_str(&key);
                if !seen.insert(key) && found.len() < DUPLICATES_MAX && !found.contains(path) {
                    found.push(path.clone());
                }
                find_duplicates(reader, path, found);
                path.truncate(mark);
            }
        }
        Token::Null | Token::Bool | Token::Number | Token::String => {
            reader.raw();
        }
    }
}
