//! Objects while a request works on them: JSON trees with accessors that never panic.
//!
//! Outside a request an object is bytes (`storage::Object`). Keys are sorted, so equal objects have equal bytes.

use serde_json::{Map, Value};

/// Reads and writes of nested fields. A path is field names joined by `.`; keys that hold dots need `get`.
pub trait Fields {
    /// The value at `path`, if every step is there and is an object.
    fn at(&self, path: &str) -> Option<&Value>;
    /// The value at `path`, to change it.
    fn at_mut(&mut self, path: &str) -> Option<&mut Value>;
    /// The string at `path`, or the empty string.
    fn str_at(&self, path: &str) -> &str;
    /// The integer at `path`.
    fn i64_at(&self, path: &str) -> Option<i64>;
    /// The boolean at `path`, or false.
    fn bool_at(&self, path: &str) -> bool;
    /// The elements of the list at `path`, or none.
    fn list_at(&self, path: &str) -> &[Value];
    /// Puts `value` at `path`, making the objects on the way.
    fn set(&mut self, path: &str, value: impl Into<Value>);
    /// Removes and answers what is at `path`.
    fn remove(&mut self, path: &str) -> Option<Value>;
    /// Puts `value` at `path` unless something other than null is there.
    fn set_default(&mut self, path: &str, value: impl Into<Value>);
}

impl Fields for Value {
    fn at(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self, |value, step| value.as_object()?.get(step))
    }

    fn at_mut(&mut self, path: &str) -> Option<&mut Value> {
        path.split('.').try_fold(self, |value, step| value.as_object_mut()?.get_mut(step))
    }

    fn str_at(&self, path: &str) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    fn i64_at(&self, path: &str) -> Option<i64> {
        self.at(path).and_then(Value::as_i64)
    }

    fn bool_at(&self, path: &str) -> bool {
        self.at(path).and_then(Value::as_bool).unwrap_or_default()
    }

    fn list_at(&self, path: &str) -> &[Value] {
        self.at(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn set(&mut self, path: &str, value: impl Into<Value>) {
        let (parent, last) = path.rsplit_once('.').map_or((None, path), |(parent, last)| (Some(parent), last));
        let parent = parent
            .into_iter()
            .flat_map(|p| p.split('.'))
            .fold(self, |value, step| as_map(value).entry(step).or_insert(Value::Null));
        as_map(parent).insert(last.to_owned(), value.into());
    }

    fn remove(&mut self, path: &str) -> Option<Value> {
        match path.rsplit_once('.') {
            Some((parent, last)) => self.at_mut(parent)?.as_object_mut()?.remove(last),
            None => self.as_object_mut()?.remove(path),
        }
    }

    fn set_default(&mut self, path: &str, value: impl Into<Value>) {
        if self.at(path).is_none_or(Value::is_null) {
            self.set(path, value);
        }
    }
}

/// The members of `value`, which becomes an empty object if it is none.
pub fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made an object just now")
}
