//! What the tables can say of a field: its kind and shape, when it is written, how patches and apply treat it.

use super::table::Type;

/// What a value is, or the elements of a list or map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A string, under whatever name.
    String,
    /// true or false.
    Bool,
    /// A signed integer of 32 bits.
    Int32,
    /// A signed integer of 64 bits.
    Int64,
    /// A floating-point number.
    Float,
    /// Bytes, in base64.
    Bytes,
    /// Seconds, as RFC 3339.
    Time,
    /// Microseconds, as RFC 3339 with six digits.
    MicroTime,
    /// `100m`, `1Gi`.
    Quantity,
    /// A port by number or name, a count or percentage.
    IntOrString,
    /// Any JSON; the API does not look into it.
    Raw,
    /// A list of strings that stands for one value.
    Strings,
    /// A JSON schema or a boolean.
    SchemaOrBool,
    /// A JSON schema or a list of them.
    SchemaOrList,
    /// A JSON schema or a list of names.
    SchemaOrStrings,
    /// A struct of the API.
    Struct(&'static Type),
}

/// How many values of its kind a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One, whose zero value means absent.
    Value,
    /// One or none.
    Pointer,
    /// A list.
    List,
    /// A map from strings.
    Map,
}

/// When a field is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Always.
    Always,
    /// Unless empty; structs are never empty (Go's `omitempty`).
    OmitEmpty,
    /// Unless zero, structs too (Go's `omitzero`).
    OmitZero,
    /// Its members belong to the struct around it.
    Inline,
}

/// How a strategic merge patch treats a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PatchRule {
    /// Lists are merged, not replaced.
    pub merge: bool,
    /// `$retainKeys` is understood.
    pub retain_keys: bool,
    /// `$patch: replace` is implied for maps.
    pub replace: bool,
    /// By which member list elements are matched; empty for lists of plain values.
    pub merge_key: &'static str,
}

/// How server-side apply and OpenAPI see a list or map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListRule {
    /// Nothing is said.
    Unsaid,
    /// It is replaced as a whole.
    Atomic,
    /// Its fields are owned one by one.
    Granular,
    /// Plain values, each once.
    Set,
    /// Elements are told apart by these members, joined by commas.
    Map(&'static str),
}
