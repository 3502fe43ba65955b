//! Walks a body along its type: keeps what the type knows, tells the rest, and remembers the first value that does not fit.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::schema::json::{Reader, Token};
use crate::schema::kind::{Kind, Shape};
use crate::schema::table::{Field, Type};
use crate::schema::time::{self, Precision};
use crate::schema::{Quantity, base64, canonical, find};

/// How many unknown and duplicate fields are told.
const STRICT_MAX: usize = 100;

/// The state of the walk.
pub(super) struct Decoder<'a> {
    pub(super) reader: Reader<'a>,
    path: String,
    pub(super) strict: Vec<String>,
    told: HashSet<String>,
    // Go goes on after a value of a wrong type and reports the first, unless a parser of values fails later.
    pub(super) misfit: Option<String>,
}

// === impl Decoder ===

impl<'a> Decoder<'a> {
    pub(super) fn new(checked: &'a [u8]) -> Decoder<'a> {
        Decoder {
            reader: Reader::new(checked),
            path: String::new(),
            strict: Vec::new(),
            told: HashSet::new(),
            misfit: None,
        }
    }

    /// The members of the object that comes next, added to `into`, which is not empty if the field is there twice.
    pub(super) fn members(&mut self, of: &'static Type, into: &mut Map<String, Value>) -> Result<(), String> {
        let mut seen: HashSet<&'static str> = HashSet::new();
        self.reader.enter();
        while let Some(key) = self.reader.next_key() {
            let mark = self.descend(&key);
            match of.field(&key) {
                Some(field) => {
                    if !seen.insert(field.json()) {
                        self.tell("duplicate");
                    }
                    let before = into.remove(field.json());
                    let value = self.field(field, of, before)?;
                    into.insert(field.json().to_owned(), value);
                }
                None => {
                    self.tell("unknown");
                    self.reader.raw();
                }
            }
            self.path.truncate(mark);
        }
        Ok(())
    }

    fn field(&mut self, field: Field, of: &'static Type, before: Option<Value>) -> Result<Value, String> {
        let token = self.reader.peek();
        if token == Token::Null {
            self.reader.literal();
            let kept = matches!(field.shape(), Shape::Value) && matches!(field.kind(), Kind::Struct(_));
            return Ok(if kept { before.unwrap_or_default() } else { Value::Null });
        }
        match (field.shape(), token) {
            (Shape::List, Token::Array) => self.list(field.kind(), of),
            (Shape::Map, Token::Object) => self.map(field.kind(), of, before),
            (Shape::List, other) => self.misfit(other, of, &format!("[]{}", go_name(field.kind()))),
            (Shape::Map, other) => self.misfit(other, of, &format!("map[string]{}", go_name(field.kind()))),
            (Shape::Value | Shape::Pointer, _) => self.value(field.kind(), of, before),
        }
    }

    fn list(&mut self, kind: Kind, of: &'static Type) -> Result<Value, String> {
        let mut list = Vec::new();
        self.reader.enter();
        while self.reader.next_element() {
            let mark = self.path.len();
            self.path.push_str(&format!("[{}]", list.len()));
            list.push(self.element(kind, of, None)?);
            self.path.truncate(mark);
        }
        Ok(Value::Array(list))
    }

    fn map(&mut self, kind: Kind, of: &'static Type, before: Option<Value>) -> Result<Value, String> {
        let mut map = match before {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let mut seen: HashSet<String> = HashSet::new();
        self.reader.enter();
        while let Some(key) = self.reader.next_key() {
            let mark = self.descend(&key);
            if !seen.insert(key.to_string()) {
                self.tell("duplicate");
            }
            let value = self.element(kind, of, None)?;
            map.insert(key.into_owned(), value);
            self.path.truncate(mark);
        }
        Ok(Value::Object(map))
    }

    /// A value in a list or map, where null is the zero value.
    fn element(&mut self, kind: Kind, of: &'static Type, before: Option<Value>) -> Result<Value, String> {
        if self.reader.peek() == Token::Null {
            self.reader.literal();
            return Ok(canonical::zero(kind));
        }
        self.value(kind, of, before)
    }

    /// A single value that is not null.
    fn value(&mut self, kind: Kind, of: &'static Type, before: Option<Value>) -> Result<Value, String> {
        match (kind, self.reader.peek()) {
            (Kind::String, Token::String) => Ok(Value::String(self.reader.string().into_owned())),
            (Kind::Bool, Token::Bool) => Ok(Value::Bool(self.reader.literal() == "true")),
            (Kind::Int32, Token::Number) => self.integer(of, "int32", |n| i32::try_from(n).is_ok()),
            (Kind::Int64, Token::Number) => self.integer(of, "int64", |_| true),
            (Kind::Float, Token::Number) => Ok(canonical::float(self.reader.literal().parse().unwrap_or_default())),
            (Kind::Bytes, Token::String) => self.bytes(),
            (Kind::Time, token) => self.time(token, Precision::Seconds),
            (Kind::MicroTime, token) => self.time(token, Precision::Micros),
            (Kind::Quantity, _) => quantity(self.reader.raw()),
            (Kind::IntOrString, Token::String) => Ok(Value::String(self.reader.string().into_owned())),
            (Kind::IntOrString, Token::Number) => self.integer(of, "int32", |n| i32::try_from(n).is_ok()),
            (Kind::IntOrString, other) => self.misfit(other, of, "int32"),
            (Kind::Raw, _) => Ok(self.reader.tree()),
            (Kind::Strings, Token::Array) => self.list(Kind::String, of),
            (Kind::SchemaOrBool, Token::Bool) => Ok(self.reader.tree()),
            (Kind::SchemaOrList, Token::Array) => self.list(schema(), of),
            (Kind::SchemaOrStrings, Token::Array) => self.list(Kind::String, of),
            (Kind::SchemaOrBool | Kind::SchemaOrList | Kind::SchemaOrStrings, Token::Object) => {
                self.value(schema(), of, before)
            }
            (Kind::Struct(inner), Token::Object) => {
                let mut map = match before {
                    Some(Value::Object(map)) => map,
                    _ => Map::new(),
                };
                self.members(inner, &mut map)?;
                Ok(Value::Object(map))
            }
            (kind, other) => self.misfit(other, of, &go_name(kind)),
        }
    }

    fn integer(&mut self, of: &'static Type, go: &str, fits: fn(i64) -> bool) -> Result<Value, String> {
        let literal = self.reader.literal();
        match literal.parse::<i64>() {
            Ok(number) if fits(number) => Ok(Value::from(number)),
            _ => {
                self.remember(&format!("number {literal}"), of, go);
                Ok(Value::Null)
            }
        }
    }

    fn bytes(&mut self) -> Result<Value, String> {
        match base64::normalize(&self.reader.string()) {
            Ok(text) => Ok(Value::String(text)),
            Err(text) => {
                self.misfit.get_or_insert(text);
                Ok(Value::Null)
            }
        }
    }

    fn time(&mut self, token: Token, precision: Precision) -> Result<Value, String> {
        match token {
            Token::String => time::normalize(&self.reader.string(), precision).map(Value::String),
            other => Err(format!("json: cannot unmarshal {} into Go value of type string", other.name())),
        }
    }

    fn misfit(&mut self, token: Token, of: &'static Type, go: &str) -> Result<Value, String> {
        self.reader.raw();
        self.remember(token.name(), of, go);
        Ok(Value::Null)
    }

    fn remember(&mut self, what: &str, of: &'static Type, go: &str) {
        if self.misfit.is_none() {
            let path = without_indexes(&self.path);
            let owner = of.short_name();
            let text = format!("json: cannot unmarshal {what} into Go struct field {owner}.{path} of type {go}");
            self.misfit = Some(text);
        }
    }

    fn descend(&mut self, key: &str) -> usize {
        let mark = self.path.len();
        if mark > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        mark
    }

    fn tell(&mut self, what: &str) {
        let text = format!("{what} field \"{}\"", self.path);
        if self.strict.len() < STRICT_MAX && self.told.insert(text.clone()) {
            self.strict.push(text);
        }
    }
}

/// A quantity out of the text of its JSON value, quoted or not.
fn quantity(raw: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(raw);
    let inside = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(&text);
    match Quantity::parse(inside.trim()) {
        Ok(quantity) => Ok(Value::String(quantity.to_string())),
        Err(error) => Err(error.to_string()),
    }
}

fn schema() -> Kind {
    let name = "apiextensions/v1.JSONSchemaProps";
    Kind::Struct(find(name).expect("the table holds the schema type"))
}

fn without_indexes(path: &str) -> String {
    let mut inside = false;
    let keep = |c: &char| {
        inside = *c == '[' || (inside && *c != ']');
        !inside && *c != ']'
    };
    path.chars().filter(keep).collect()
}

/// The type's name as Go prints it.
fn go_name(kind: Kind) -> String {
    let name = match kind {
        Kind::String => "string",
        Kind::Bool => "bool",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float => "float64",
        Kind::Bytes => "[]uint8",
        Kind::Time => "v1.Time",
        Kind::MicroTime => "v1.MicroTime",
        Kind::Quantity => "resource.Quantity",
        Kind::IntOrString => "intstr.IntOrString",
        Kind::Raw => "runtime.RawExtension",
        Kind::Strings => "[]string",
        Kind::SchemaOrBool => "v1.JSONSchemaPropsOrBool",
        Kind::SchemaOrList => "v1.JSONSchemaPropsOrArray",
        Kind::SchemaOrStrings => "v1.JSONSchemaPropsOrStringArray",
        Kind::Struct(inner) => inner.go_name(),
    };
    name.to_owned()
}
