//! Validation errors with field paths, worded as `k8s.io/apimachinery/pkg/util/validation/field` words them.

use std::fmt;

use serde_json::Value;

/// Where in an object a value is: `spec.containers[0].name`, `metadata.labels[a/b]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// The path of a top-level field.
    pub fn new(name: &str) -> Path {
        Path(name.to_owned())
    }

    /// The path of the object itself.
    pub fn root() -> Path {
        Path(String::new())
    }

    /// A field below this one; `name` may hold several steps (`spec.template`).
    pub fn child(&self, name: &str) -> Path {
        if self.0.is_empty() { Path(name.to_owned()) } else { Path(format!("{}.{name}", self.0)) }
    }

    /// An element of this list.
    pub fn index(&self, index: usize) -> Path {
        Path(format!("{}[{index}]", self.0))
    }

    /// A member of this map.
    pub fn key(&self, key: &str) -> Path {
        Path(format!("{}[{key}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// What is wrong with a value; each variant is a `reason` of `details.causes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `FieldValueRequired`.
    Required,
    /// `FieldValueInvalid`.
    Invalid,
    /// `FieldValueNotSupported`.
    NotSupported,
    /// `FieldValueDuplicate`.
    Duplicate,
    /// `FieldValueForbidden`.
    Forbidden,
    /// `FieldValueTooLong`.
    TooLong,
    /// `FieldValueTooMany`.
    TooMany,
    /// `FieldValueNotFound`.
    NotFound,
    /// `FieldValueTypeInvalid`.
    TypeInvalid,
    /// `InternalError`.
    Internal,
}

/// One thing that is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: Kind,
    /// Where.
    pub path: Path,
    /// The cause's message, without the path: `Invalid value: "x": must be …`.
    pub message: String,
}

/// Everything that is wrong with an object, in upstream's order.
pub type Errors = Vec<Error>;

/// Every error once: two labels with the same wrong value are one thing to say.
pub fn distinct(errors: Errors) -> Errors {
    let mut kept = Errors::new();
    for error in errors {
        if !kept.contains(&error) {
            kept.push(error);
        }
    }
    kept
}

impl Error {
    /// A value must be given. `detail` may be empty.
    pub fn required(path: &Path, detail: &str) -> Error {
        Error::new(Kind::Required, path, join("Required value", detail))
    }

    /// The value breaks a rule.
    pub fn invalid(path: &Path, value: impl Into<Value>, detail: &str) -> Error {
        Error::new(Kind::Invalid, path, join(&format!("Invalid value: {}", show(&value.into())), detail))
    }

    /// The value is none of `supported`.
    pub fn not_supported(path: &Path, value: impl Into<Value>, supported: &[&str]) -> Error {
        let list = supported.iter().map(|s| quote(s)).collect::<Vec<_>>().join(", ");
        let head = format!("Unsupported value: {}", show(&value.into()));
        Error::new(
            Kind::NotSupported,
            path,
            if list.is_empty() { head } else { format!("{head}: supported values: {list}") },
        )
    }

    /// The value stands twice in a set.
    pub fn duplicate(path: &Path, value: impl Into<Value>) -> Error {
        Error::new(Kind::Duplicate, path, format!("Duplicate value: {}", show(&value.into())))
    }

    /// The field may not be given or changed.
    pub fn forbidden(path: &Path, detail: &str) -> Error {
        Error::new(Kind::Forbidden, path, join("Forbidden", detail))
    }

    /// The value is longer than `bytes_max`.
    pub fn too_long(path: &Path, bytes_max: usize) -> Error {
        Error::new(Kind::TooLong, path, format!("Too long: may not be more than {bytes_max} bytes"))
    }

    /// The list has more than `count_max` elements.
    pub fn too_many(path: &Path, count: usize, count_max: usize) -> Error {
        Error::new(Kind::TooMany, path, format!("Too many: {count}: must have at most {count_max} items"))
    }

    /// The value names something that does not exist.
    pub fn not_found(path: &Path, value: impl Into<Value>) -> Error {
        Error::new(Kind::NotFound, path, format!("Not found: {}", show(&value.into())))
    }

    /// An error whose message is ready.
    pub fn new(kind: Kind, path: &Path, message: impl Into<String>) -> Error {
        Error { kind, path: path.clone(), message: message.into() }
    }

    /// The `reason` of the cause.
    pub fn reason(&self) -> &'static str {
        match self.kind {
            Kind::Required => "FieldValueRequired",
            Kind::Invalid => "FieldValueInvalid",
            Kind::NotSupported => "FieldValueNotSupported",
            Kind::Duplicate => "FieldValueDuplicate",
            Kind::Forbidden => "FieldValueForbidden",
            Kind::TooLong => "FieldValueTooLong",
            Kind::TooMany => "FieldValueTooMany",
            Kind::NotFound => "FieldValueNotFound",
            Kind::TypeInvalid => "FieldValueTypeInvalid",
            Kind::Internal => "InternalError",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

fn join(head: &str, detail: &str) -> String {
    if detail.is_empty() { head.to_owned() } else { format!("{head}: {detail}") }
}

/// A value as Go prints it in a message: strings quoted, absent ones as `null`, the rest as JSON.
fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        other => other.to_string(),
    }
}

/// A string in Go's `%q`.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\0'..' ' | '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(char))),
            // Control and format characters, the byte order mark and strange spaces are not printable.
            '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{feff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            printable => out.push(printable),
        }
    }
    out.push('"');
    out
}
