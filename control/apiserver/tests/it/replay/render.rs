//! Writes an answer as a transcript writes it, so that it can be compared line by line.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::normalize::Placeholders;
use super::text;

/// What the server answered.
pub struct Answer {
    /// The HTTP code.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Vec<u8>,
}

/// The lines of an answer, and its JSON for later references. `only` is the `Only:` header.
pub fn render(answer: &Answer, watch: bool, only: Option<&str>, seen: &mut Placeholders) -> (Vec<String>, Value) {
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = header("content-type").split(";charset").next().unwrap_or_default().to_owned();
    let mut lines = vec![format!("< {} {media}", answer.status.as_u16())];
    let warnings = answer.headers.get_all("warning").iter().filter_map(|value| value.to_str().ok());
    lines.extend(warnings.map(|warning| format!("< Warning: {}", seen.mask(warning))));
    let body = String::from_utf8_lossy(&answer.body);
    if media.contains("json") && !body.trim().is_empty() {
        let (more, parsed) = render_json(&body, watch, only.filter(|_| answer.status.as_u16() < 300), seen);
        lines.extend(more);
        return (lines, parsed);
    }
    if !body.is_empty() && (media.contains("protobuf") || media.contains("gzip")) {
        lines.push("(binary)".to_owned());
    } else if !body.trim().is_empty() {
        let masked = seen.mask(&body);
        let text = masked.trim_end_matches('\n').split('\n');
        lines.extend(text.map(|line| if line.is_empty() { ".".to_owned() } else { line.to_owned() }));
    }
    (lines, Value::Null)
}

fn render_json(body: &str, watch: bool, only: Option<&str>, seen: &mut Placeholders) -> (Vec<String>, Value) {
    if !watch && let Ok(parsed) = serde_json::from_str::<Value>(body) {
        seen.notice(&parsed);
        let lines = match only {
            Some(spec) => chosen_lines(&parsed, spec, seen),
            None => text::pretty(&seen.normalize(&parsed, "")),
        };
        return (lines, parsed);
    }
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()));
    let events: Vec<Value> = body.split('\n').filter(|line| !line.trim().is_empty()).map(parse).collect();
    let parsed = Value::Array(events);
    seen.notice(&parsed);
    let mut lines: Vec<String> = Vec::new();
    for event in parsed.as_array().expect("it was made one") {
        match only {
            Some(spec) => {
                let line = text::compact(&choose(event, &paths(spec), seen));
                if lines.last() != Some(&line) {
                    lines.push(line);
                }
            }
            None => lines.push(text::compact(&seen.normalize(event, ""))),
        }
    }
    (lines, parsed)
}

/// `PATH, …`, or `LIST[]: PATH, …` for one line an element.
fn chosen_lines(value: &Value, spec: &str, seen: &Placeholders) -> Vec<String> {
    match spec.split_once("[]:") {
        None => text::pretty(&choose(value, &paths(spec), seen)),
        Some((list, spec)) => {
            let elements = lookup(value, list.trim()).and_then(Value::as_array).cloned().unwrap_or_default();
            elements.iter().map(|element| text::compact(&choose(element, &paths(spec), seen))).collect()
        }
    }
}

fn paths(spec: &str) -> Vec<&str> {
    spec.split(',').map(str::trim).collect()
}

/// One path gives its value, several an object of those that are there.
fn choose(value: &Value, paths: &[&str], seen: &Placeholders) -> Value {
    let show = |path: &&str| {
        let last = path.rsplit('.').next().unwrap_or_default();
        let mut member = Map::new();
        member.insert(last.to_owned(), lookup(value, path)?.clone());
        seen.normalize(&Value::Object(member), "").get(last).cloned()
    };
    match paths {
        [path] => show(path).unwrap_or(Value::Null),
        _ => Value::Object(paths.iter().filter_map(|path| Some(((*path).to_owned(), show(path)?))).collect()),
    }
}

/// `a.b[0].c`, or `[0].a` in a list.
pub fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = value;
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        value = match part.strip_suffix(']') {
            Some(index) => value.get(index.parse::<usize>().ok()?)?,
            None => value.get(part)?,
        };
    }
    Some(value)
}

/// `PATH=VALUE`, `PATH!=VALUE` or `PATH~N` (a list of N elements); a path that is not there equals the empty string.
pub fn holds(condition: &str, body: &[u8]) -> bool {
    let at = condition.find(['=', '!', '~']).unwrap_or_else(|| panic!("no condition: {condition}"));
    let (path, rest) = condition.split_at(at);
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let got = lookup(&parsed, path.trim());
    if let Some(count) = rest.strip_prefix('~') {
        let length = got.and_then(Value::as_array).map_or(0, Vec::len);
        return count.trim().parse() == Ok(length);
    }
    let shown = match got {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => text::compact(other),
    };
    match rest.strip_prefix("!=") {
        Some(unwanted) => shown != unwanted,
        None => shown == rest[1..],
    }
}

#[test]
fn paths_reach_into_lists() {
    let value = serde_json::json!({"a": [{"b": 1}]});
    assert_eq!(lookup(&value, "a[0].b"), Some(&1.into()));
    assert_eq!(lookup(&value, "a[1].b"), None);
    assert!(holds("a[0].b=1", br#"{"a":[{"b":1}]}"#));
    assert!(holds("a~1", br#"{"a":[{"b":1}]}"#));
    assert!(holds("c=", b"{}"));
    assert!(holds("c!=x", b"{}"));
}
