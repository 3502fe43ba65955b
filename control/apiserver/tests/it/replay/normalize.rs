//! Replaces what differs from run to run with placeholders, by the recorder's rules; the same on both sides of a comparison.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{NoExpand, Regex};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::text;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant")
}

static UUID: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"));
static STAMP: LazyLock<Regex> = LazyLock::new(|| regex(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"));
static INNER_STAMP: LazyLock<Regex> = LazyLock::new(|| regex(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"));
static INNER: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
    [
        (regex(r#"(resourceVersion\\*":\\*")\d+"#), "${1}<rv>"),
        (regex(r"\brevision=\d+"), "revision=<rv>"),
        (regex(r"(Too large resource version: )\d+, current: \d+"), "${1}<rv>, current: <rv>"),
        (regex(r"\bin record \(\d+\)"), "in record (<rv>)"),
        (regex(r"\bkube-api-access-[a-z0-9]{5}\b"), "kube-api-access-<rand>"),
    ]
});
/// The time in the name of an event.
static EVENT: LazyLock<Regex> = LazyLock::new(|| regex(r"([a-z0-9>])\.1[0-9a-f]{15}\b"));
/// The name of a pod that was refused, in a message.
static REFUSED: LazyLock<Regex> = LazyLock::new(|| regex(r"(<hash>-)[b-df-hj-np-tv-xz2456789]{5}\b"));
static AGE: LazyLock<Regex> = LazyLock::new(|| regex(r"^\d+[smhdy]"));
/// What upstream prints of its own program: a comparison skips it.
static LENIENT: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
    [
        (regex(r"Invalid value: \[?\{.*\}\]?"), "Invalid value: <struct>"),
        (regex(r"@@ -.*"), "<diff>"),
        (regex(r"map\[.*\]"), "<map>"),
        (regex(r#"Go struct field \S+ of type [^\s"\\]+"#), "Go struct field <field>"),
        (regex(r"scheme\.go:\d+"), "scheme.go"),
    ]
});
const DURATION_CELLS: &[&str] = &["Age", "Last Schedule", "Last Seen", "First Seen", "Duration"];

/// What a run has seen so far: its namespace, its options, and the names that the server generated.
pub struct Placeholders {
    /// Replaced by `{ns}`; may be empty.
    pub namespace: String,
    /// `# managedFields: keep`.
    pub keep_managed_fields: bool,
    /// `# counts: hide`.
    pub hide_counts: bool,
    /// Generated names and hashes, with their placeholders.
    pub seen: HashMap<String, String>,
}

/// A line without what upstream prints of its own program.
pub fn lenient(line: &str) -> String {
    LENIENT.iter().fold(line.to_owned(), |line, (pattern, put)| pattern.replace_all(&line, *put).into_owned())
}

impl Placeholders {
    /// A tree with placeholders.
    pub fn normalize(&self, value: &Value, key: &str) -> Value {
        match value {
            Value::Object(members) => Value::Object(self.normalize_object(members, key)),
            Value::Array(elements) => {
                let mut out: Vec<Value> = elements.iter().map(|element| self.normalize(element, key)).collect();
                if matches!(key, "items" | "rows") && text::compact(&Value::Array(out.clone())).contains("<rand>") {
                    out.sort_by_key(text::compact);
                }
                Value::Array(out)
            }
            Value::String(stamp) if STAMP.is_match(stamp) && recent(stamp) => {
                if stamp.contains('.') {
                    "<microtime>".into()
                } else {
                    "<time>".into()
                }
            }
            Value::String(string) => self.mask(string).into(),
            other => other.clone(),
        }
    }

    fn normalize_object(&self, members: &Map<String, Value>, parent: &str) -> Map<String, Value> {
        let mut out = Map::new();
        for (key, value) in members {
            if key == "managedFields" && !self.keep_managed_fields {
                continue;
            }
            out.insert(key.clone(), self.normalize_member(key, value, members, parent));
        }
        mask_ages(members, &mut out);
        out
    }

    fn normalize_member(&self, key: &str, value: &Value, members: &Map<String, Value>, parent: &str) -> Value {
        match (key, value) {
            ("columnDefinitions", Value::Array(columns)) => columns.iter().map(without_description).collect(),
            ("columnDefinitions", other) => other.clone(),
            ("resourceVersion", Value::String(text)) if !matches!(text.as_str(), "" | "0") => "<rv>".into(),
            ("continue", Value::String(text)) if !text.is_empty() => "<continue>".into(),
            ("remainingItemCount", other) => other.clone(),
            ("token", Value::String(text)) if text.matches('.').count() == 2 => "<token>".into(),
            ("clusterIP", Value::String(text)) if text.starts_with("10.") => "<ip>".into(),
            ("clusterIPs", Value::Array(list)) => list
                .iter()
                .map(|ip| if ip.as_str().is_some_and(|ip| ip.starts_with("10.")) { "<ip>".into() } else { ip.clone() })
                .collect(),
            ("nodePort" | "healthCheckNodePort", Value::Number(number)) if number.as_i64() != Some(0) => {
                "<port>".into()
            }
            ("time", _) if parent == "managedFields" => "<time>".into(),
            ("count", Value::Number(_)) if self.hide_counts => "<n>".into(),
            ("reportingInstance", Value::String(instance)) if !instance.is_empty() => {
                let named = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
                let component = named("reportingComponent").or(named("reportingController")).unwrap_or("-");
                let masked = self.mask(instance);
                let on_host = masked.strip_prefix(component).is_some_and(|rest| rest.starts_with('-'));
                if on_host { format!("{component}-<host>").into() } else { masked.into() }
            }
            (key, value) => self.normalize(value, key),
        }
    }

    /// Placeholders inside a string: a message, a warning, a body that is not JSON.
    pub fn mask(&self, string: &str) -> String {
        let mut string = UUID.replace_all(string, NoExpand("<uid>")).into_owned();
        string = EVENT.replace_all(&string, "${1}.<rand>").into_owned();
        string = INNER_STAMP
            .replace_all(
                &string,
                |found: &regex::Captures<'_>| {
                    if recent(&found[0]) { "<time>".to_owned() } else { found[0].to_owned() }
                },
            )
            .into_owned();
        for (pattern, put) in INNER.iter() {
            string = pattern.replace_all(&string, *put).into_owned();
        }
        // Names first, then the hashes inside them.
        let mut seen: Vec<_> = self.seen.iter().collect();
        seen.sort_by_key(|(found, _)| std::cmp::Reverse(found.len()));
        for (found, put) in seen {
            string = string.replace(found.as_str(), put);
        }
        string = REFUSED.replace_all(&string, "${1}<rand>").into_owned();
        if self.namespace.is_empty() { string } else { string.replace(&self.namespace, "{ns}") }
    }

    /// Remembers generated names and template hashes, so that later mentions are replaced too.
    pub fn notice(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                self.notice_names(value);
                members.values().for_each(|member| self.notice(member));
            }
            Value::Array(elements) => elements.iter().for_each(|element| self.notice(element)),
            _ => {}
        }
    }

    fn notice_names(&mut self, value: &Value) {
        let meta = &value["metadata"];
        if let (Some(name), Some(prefix)) = (meta["name"].as_str(), meta["generateName"].as_str())
            && let Some(suffix) = name.strip_prefix(prefix)
            && !prefix.is_empty()
            && !suffix.is_empty()
            && !suffix.bytes().all(|byte| byte.is_ascii_digit())
        {
            self.seen.insert(name.to_owned(), format!("{prefix}<rand>"));
        }
        for label in ["pod-template-hash", "controller-revision-hash"] {
            if let Some(hash) = meta["labels"][label].as_str().and_then(|hash| hash.rsplit('-').next()) {
                self.seen.insert(hash.to_owned(), "<hash>".to_owned());
            }
        }
    }
}

fn without_description(column: &Value) -> Value {
    let mut column = column.clone();
    if let Some(members) = column.as_object_mut() {
        members.remove("description");
    }
    column
}

/// In a Table, the cells of duration columns.
fn mask_ages(members: &Map<String, Value>, out: &mut Map<String, Value>) {
    let Some(columns) = members.get("columnDefinitions").and_then(Value::as_array) else { return };
    let Some(rows) = out.get_mut("rows").and_then(Value::as_array_mut) else { return };
    for (index, column) in columns.iter().enumerate() {
        if !column["name"].as_str().is_some_and(|name| DURATION_CELLS.contains(&name)) {
            continue;
        }
        for row in rows.iter_mut() {
            let Some(cell) = row.get_mut("cells").and_then(|cells| cells.get_mut(index)) else { continue };
            if cell.as_str().is_some_and(|text| AGE.is_match(text)) {
                *cell = "<age>".into();
            }
        }
    }
}

/// Whether a time stamp is of this run: at most two days off.
fn recent(stamp: &str) -> bool {
    let Ok(time) = OffsetDateTime::parse(&stamp.replace("+00:00", "Z"), &Rfc3339) else { return false };
    (time - OffsetDateTime::now_utc()).abs() < time::Duration::days(2)
}
