//! Packs `fields.tsv` and `lists.tsv` into arrays of small rows that hold indexes instead of pointers: the tables lie
//! in read-only pages of the binary, need no relocation, and cost no memory until they are read.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Kinds of values that are no struct; the order is that of `Kind` in `src/schema/table.rs`.
const KINDS: &[(&str, u16)] = &[
    ("string", 0),
    ("bool", 1),
    ("int32", 2),
    ("int64", 3),
    ("float64", 4),
    ("bytes", 5),
    ("v1.Time", 6),
    ("v1.MicroTime", 7),
    ("resource.Quantity", 8),
    ("intstr.IntOrString", 9),
    ("raw", 10),
    ("strings", 11),
    ("v1.JSONSchemaPropsOrBool", 12),
    ("v1.JSONSchemaPropsOrArray", 13),
    ("v1.JSONSchemaPropsOrStringArray", 14),
];

/// Number of the first struct type among kinds.
const FIRST_STRUCT: u16 = 32;

/// Go types that are other types under another name.
const ALIASES: &[(&str, &str)] = &[
    ("v1.JSON", "raw"),
    ("runtime.RawExtension", "raw"),
    ("runtime.Object", "raw"),
    ("v1.FieldsV1", "raw"),
    ("v1.ExtraValue", "strings"),
    ("v1beta1.ExtraValue", "strings"),
    ("v1.Verbs", "strings"),
    ("v1.AttestationValue", "strings"),
    ("v1.ResourceList", "map[string]resource.Quantity"),
    ("v1.JSONSchemaDefinitions", "map[string]v1.JSONSchemaProps"),
    ("v1.JSONSchemaDependencies", "map[string]v1.JSONSchemaPropsOrStringArray"),
];

/// Structs without fields, with their groups: they have no row in `fields.tsv`.
const EMPTY: &[(&str, &str)] = &[
    ("apiserverinternal", "StorageVersionSpec"),
    ("scheduling", "AllCompositeDisruptionMode"),
    ("scheduling", "AllDisruptionMode"),
    ("scheduling", "BasicSchedulingPolicy"),
    ("scheduling", "CompositeBasicSchedulingPolicy"),
    ("scheduling", "SingleCompositeDisruptionMode"),
    ("scheduling", "SingleDisruptionMode"),
    ("scheduling", "WorkloadPodGroupAllDisruptionMode"),
    ("scheduling", "WorkloadPodGroupBasicSchedulingPolicy"),
    ("scheduling", "WorkloadPodGroupSingleDisruptionMode"),
];

struct Row<'a> {
    owner: &'a str,
    go: &'a str,
    json: &'a str,
    class: &'a str,
    omit: &'a str,
    number: u8,
    go_type: &'a str,
    strategy: &'a str,
    merge_key: &'a str,
}

/// The tables about to be written.
pub(crate) struct Tables {
    strings: String,
    interned: BTreeMap<String, u32>,
    types: Vec<[u32; 3]>,
    fields: Vec<String>,
    patches: Vec<(String, String)>,
    lists: Vec<(String, String)>,
}

impl Tables {
    /// Reads both files.
    pub(crate) fn new(fields: &str, lists: &str) -> Tables {
        let rows: Vec<Row> = fields.lines().skip(1).map(row).collect();
        let mut by_type: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        for row in &rows {
            by_type.entry(row.owner.to_owned()).or_default().push(row);
        }
        for row in &rows {
            let base = base_type(row.go_type);
            let (package, name) = base.split_once('.').unwrap_or(("", base));
            if let Some((group, _)) = EMPTY.iter().find(|(_, empty)| *empty == name) {
                by_type.entry(format!("{group}/{package}.{name}")).or_default();
            }
        }
        let mut list_rows: BTreeMap<(&str, &str), [&str; 3]> = BTreeMap::new();
        for line in lists.lines().skip(1) {
            let c: Vec<&str> = line.split('\t').collect();
            list_rows.insert((c[0], c[1]), [c[2], c[3], c[4]]);
        }
        let names: BTreeMap<String, u16> =
            by_type.keys().zip(FIRST_STRUCT..).map(|(name, index)| (name.clone(), index)).collect();
        let mut tables = Tables {
            strings: String::new(),
            interned: BTreeMap::new(),
            types: Vec::new(),
            fields: Vec::new(),
            patches: vec![Default::default()],
            lists: vec![Default::default()],
        };
        for (name, rows) in &by_type {
            let first = tables.fields.len();
            for row in rows {
                let list = list_of(name, row, &list_rows, &by_type, &names);
                tables.push(row, list, &names);
            }
            let name = tables.intern(name);
            tables.types.push([name, first as u32, rows.len() as u32]);
        }
        tables
    }

    fn push(&mut self, row: &Row<'_>, list: (String, String), names: &BTreeMap<String, u16>) {
        let (shape, kind) = shape_and_kind(row, names);
        let presence = match (row.omit, row.class) {
            ("inline", _) => 3,
            ("omitzero", _) => 2,
            ("omitempty", _) => 1,
            ("", _) => 0,
            other => panic!("unknown presence {other:?} of {}.{}", row.owner, row.go),
        };
        let patch = index_of(&mut self.patches, (row.strategy.to_owned(), row.merge_key.to_owned()));
        let list = index_of(&mut self.lists, list);
        let (json, go) = (self.intern(row.json), self.intern(row.go));
        self.fields.push(format!(
            "FieldRow{{json:{json},go:{go},kind:{kind},shape:{shape},presence:{presence},number:{},patch:{patch},list:{list}}}",
            row.number
        ));
    }

    /// The place of a string in the text of all strings: offset and length in one number.
    fn intern(&mut self, text: &str) -> u32 {
        if let Some(place) = self.interned.get(text) {
            return *place;
        }
        let (offset, length) = (self.strings.len() as u32, text.len() as u32);
        assert!(length < 256 && offset < 1 << 24, "strings fit the packing");
        self.strings.push_str(text);
        self.interned.insert(text.to_owned(), offset << 8 | length);
        offset << 8 | length
    }

    /// The Rust source.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "static STRINGS: &str = {:?};", self.strings);
        let _ = writeln!(out, "static TYPES: [Type; {}] = [", self.types.len());
        for (index, [name, first, count]) in self.types.iter().enumerate() {
            let _ = writeln!(out, "Type{{name:{name},index:{index},first:{first},count:{count}}},");
        }
        let _ = writeln!(out, "];\nstatic FIELDS: [FieldRow; {}] = [", self.fields.len());
        for field in &self.fields {
            let _ = writeln!(out, "{field},");
        }
        let _ = writeln!(out, "];\nstatic PATCHES: &[(&str, &str)] = &{:?};", self.patches);
        let _ = writeln!(out, "static LISTS: &[(&str, &str)] = &{:?};", self.lists);
        out
    }
}

fn row(line: &str) -> Row<'_> {
    let c: Vec<&str> = line.split('\t').collect();
    let number = if c[5].is_empty() { 0 } else { c[5].parse().expect("field numbers are below 256") };
    Row {
        owner: c[0],
        go: c[1],
        json: c[2],
        class: c[3],
        omit: c[4],
        number,
        go_type: c[6],
        strategy: c[7],
        merge_key: c[8],
    }
}

fn index_of<T: PartialEq>(rows: &mut Vec<T>, wanted: T) -> usize {
    rows.iter().position(|row| *row == wanted).unwrap_or_else(|| {
        rows.push(wanted);
        rows.len() - 1
    })
}

fn base_type(go_type: &str) -> &str {
    let mut base = go_type;
    loop {
        base = match base {
            b if b.starts_with("[]") => &b[2..],
            b if b.starts_with("map[") => &b[b.find(']').expect("maps close their key") + 1..],
            b => return b,
        };
    }
}

fn alias(go_type: &str) -> String {
    let base = base_type(go_type);
    match ALIASES.iter().find(|(name, _)| *name == base) {
        Some((_, other)) => format!("{}{other}", &go_type[..go_type.len() - base.len()]),
        None => go_type.to_owned(),
    }
}

fn shape_and_kind(row: &Row<'_>, names: &BTreeMap<String, u16>) -> (u8, u16) {
    let go_type = alias(row.go_type).replace("[]uint8", "bytes").replace("[]byte", "bytes");
    let (shape, element) = match go_type.as_str() {
        t if t.starts_with("[]") => (2, &t[2..]),
        t if t.starts_with("map[") => (3, &t[t.find(']').expect("maps close their key") + 1..]),
        t if row.class == "pointer" => (1, t),
        t => (0, t),
    };
    let element = if element == "[]string" { "strings" } else { element };
    assert!(!element.starts_with("[]") && !element.starts_with("map["), "{}.{}: {go_type}", row.owner, row.go);
    (shape, kind(row.owner, element, names))
}

/// The number of a kind. A name that is no struct is a string under another name.
fn kind(owner: &str, go_type: &str, names: &BTreeMap<String, u16>) -> u16 {
    if let Some((_, number)) = KINDS.iter().find(|(name, _)| *name == go_type) {
        return *number;
    }
    let Some((package, name)) = go_type.split_once('.') else { panic!("{owner}: unknown type {go_type}") };
    let own = owner.rsplit_once('.').expect("type names have a package").0;
    let own = if own.ends_with(&format!("/{package}")) { own } else { "" };
    let near = [own, &format!("meta/{package}"), &format!("core/{package}"), &format!("scheduling/{package}")]
        .iter()
        .find_map(|p| names.get(&format!("{p}.{name}")).copied());
    near.or_else(|| names.iter().find(|(full, _)| full.ends_with(&format!("/{package}.{name}"))).map(|(_, n)| *n))
        .unwrap_or(0)
}

/// The list type of a field. OpenAPI flattens inlined structs, so their fields are listed under whoever inlines them.
fn list_of(
    name: &str,
    row: &Row<'_>,
    lists: &BTreeMap<(&str, &str), [&str; 3]>,
    by_type: &BTreeMap<String, Vec<&Row<'_>>>,
    names: &BTreeMap<String, u16>,
) -> (String, String) {
    let own_number = names[name];
    let by_inlining = || {
        by_type.iter().find_map(|(outer, rows)| {
            let inlines = rows.iter().any(|r| r.omit == "inline" && kind(outer, r.go_type, names) == own_number);
            inlines.then(|| lists.get(&(outer.as_str(), row.json)))?
        })
    };
    match lists.get(&(name, row.json)).or_else(by_inlining) {
        Some([list, keys, ""]) => ((*list).to_owned(), (*keys).to_owned()),
        Some([_, _, map]) => ((*map).to_owned(), String::new()),
        None => Default::default(),
    }
}
