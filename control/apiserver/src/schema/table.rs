//! What is known of every type and field of the API, as static tables made from `schema/*.tsv` by the build script.
//!
//! Guarantees: rows hold indexes, not pointers, so the tables stay in read-only pages that are shared and clean.

use std::fmt;

use super::kind::{Kind, ListRule, PatchRule, Presence, Shape};

include!(concat!(env!("OUT_DIR"), "/schema.rs"));

/// Number of the first struct among kinds, as the build script counts.
const FIRST_STRUCT: u16 = 32;

/// A struct of the API: `core/v1.Pod`.
pub struct Type {
    name: u32,
    index: u16,
    first: u16,
    count: u8,
}

struct FieldRow {
    json: u32,
    go: u32,
    kind: u16,
    shape: u8,
    presence: u8,
    number: u8,
    patch: u8,
    list: u8,
}

/// A field of a struct.
#[derive(Clone, Copy)]
pub struct Field(&'static FieldRow);

// === impl Type ===

impl Type {
    /// `core/v1.Pod`.
    pub fn name(&self) -> &'static str {
        text(self.name)
    }

    /// `Pod`.
    pub fn short_name(&self) -> &'static str {
        self.name().rsplit_once('.').map_or("", |(_, name)| name)
    }

    /// `v1.Pod`, as Go prints it.
    pub fn go_name(&self) -> &'static str {
        self.name().rsplit_once('/').map_or(self.name(), |(_, name)| name)
    }

    /// The fields in Go's order; inlined structs are one field.
    pub fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        let (first, count) = (usize::from(self.first), usize::from(self.count));
        FIELDS[first..first + count].iter().map(Field)
    }

    /// The field with this JSON name, also out of inlined structs.
    pub fn field(&self, json: &str) -> Option<Field> {
        self.fields().find_map(|field| match (field.presence(), field.kind()) {
            (Presence::Inline, Kind::Struct(inner)) => inner.field(json),
            _ => (field.json() == json).then_some(field),
        })
    }

    /// Whether both handles mean one type.
    pub fn is(&self, other: &Type) -> bool {
        self.index == other.index
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Type) -> bool {
        self.index == other.index
    }
}

impl Eq for Type {}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Field ===

impl Field {
    /// `hostNetwork`; empty for an inlined struct.
    pub fn json(self) -> &'static str {
        text(self.0.json)
    }

    /// `HostNetwork`.
    pub fn go(self) -> &'static str {
        text(self.0.go)
    }

    /// What its values are.
    pub fn kind(self) -> Kind {
        kind(self.0.kind)
    }

    /// How many values it holds.
    pub fn shape(self) -> Shape {
        match self.0.shape {
            0 => Shape::Value,
            1 => Shape::Pointer,
            2 => Shape::List,
            _ => Shape::Map,
        }
    }

    /// When it is written.
    pub fn presence(self) -> Presence {
        match self.0.presence {
            0 => Presence::Always,
            1 => Presence::OmitEmpty,
            2 => Presence::OmitZero,
            _ => Presence::Inline,
        }
    }

    /// Its number in protobuf; 0 if it is not there.
    pub fn number(self) -> u8 {
        self.0.number
    }

    /// How a strategic merge patch treats it.
    pub fn patch(self) -> PatchRule {
        let (strategy, merge_key) = PATCHES[usize::from(self.0.patch)];
        let has = |word| strategy.split(',').any(|s| s == word);
        PatchRule { merge: has("merge"), retain_keys: has("retainKeys"), replace: has("replace"), merge_key }
    }

    /// The strategy as OpenAPI prints it: `merge,retainKeys`.
    pub fn patch_strategy(self) -> &'static str {
        PATCHES[usize::from(self.0.patch)].0
    }

    /// How apply treats it.
    pub fn list(self) -> ListRule {
        match LISTS[usize::from(self.0.list)] {
            ("atomic", _) => ListRule::Atomic,
            ("granular", _) => ListRule::Granular,
            ("set", _) => ListRule::Set,
            ("map", keys) => ListRule::Map(keys),
            _ => ListRule::Unsaid,
        }
    }
}

/// The type with this name: `core/v1.Pod`.
pub fn find(name: &str) -> Option<&'static Type> {
    TYPES.binary_search_by(|row| row.name().cmp(name)).ok().map(|index| &TYPES[index])
}

/// The type of objects with this apiVersion and kind: `apps/v1`, `Deployment`.
pub fn find_kind(api_version: &str, kind: &str) -> Option<&'static Type> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let package = match group {
        "" => "core",
        "flowcontrol.apiserver.k8s.io" => "flowcontrol",
        "internal.apiserver.k8s.io" => "apiserverinternal",
        other => other.strip_suffix(".authorization.k8s.io").or(other.strip_suffix(".k8s.io")).unwrap_or(other),
    };
    // Every version knows the options of requests, which are no objects.
    let found = find(&format!("{package}/{version}.{kind}")).or_else(|| {
        let options = matches!(
            kind,
            "CreateOptions"
                | "DeleteOptions"
                | "GetOptions"
                | "ListOptions"
                | "PatchOptions"
                | "Status"
                | "UpdateOptions"
        );
        if options { find(&format!("meta/v1.{kind}")) } else { None }
    });
    found.filter(|of| of.fields().any(|field| field.go() == "TypeMeta"))
}

/// Every type, by name.
pub fn all() -> &'static [Type] {
    &TYPES
}

fn kind(number: u16) -> Kind {
    match number {
        0 => Kind::String,
        1 => Kind::Bool,
        2 => Kind::Int32,
        3 => Kind::Int64,
        4 => Kind::Float,
        5 => Kind::Bytes,
        6 => Kind::Time,
        7 => Kind::MicroTime,
        8 => Kind::Quantity,
        9 => Kind::IntOrString,
        10 => Kind::Raw,
        11 => Kind::Strings,
        12 => Kind::SchemaOrBool,
        13 => Kind::SchemaOrList,
        14 => Kind::SchemaOrStrings,
        other => Kind::Struct(&TYPES[usize::from(other - FIRST_STRUCT)]),
    }
}

fn text(place: u32) -> &'static str {
    let (offset, length) = ((place >> 8) as usize, (place & 0xff) as usize);
    &STRINGS[offset..offset + length]
}
