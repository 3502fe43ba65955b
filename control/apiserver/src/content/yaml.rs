//! YAML answers, laid out as `sigs.k8s.io/yaml` does: keys sorted, lists not indented below their key.

use serde_json::Value;

/// The text of a value, with a line break at its end.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => write_map(&mut out, value, 0),
        Value::Array(list) if !list.is_empty() => write_list(&mut out, list, 0),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

fn write_map(out: &mut String, map: &Value, indent: usize) {
    let mut members: Vec<(&String, &Value)> = map.as_object().into_iter().flatten().collect();
    members.sort_by_key(|(key, _)| *key);
    for (at, (key, member)) in members.into_iter().enumerate() {
        // The first member of a list's element stands behind its dash.
        if at > 0 || !out.ends_with("- ") {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push_str(&quoted(key));
        out.push(':');
        write_member(out, member, indent);
    }
}

fn write_member(out: &mut String, member: &Value, indent: usize) {
    match member {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_map(out, member, indent + 2);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            write_list(out, list, indent);
        }
        Value::String(text) if text.contains('\n') => write_block(out, text, indent + 2),
        scalar => {
            out.push(' ');
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
}

fn write_list(out: &mut String, list: &[Value], indent: usize) {
    for element in list {
        if !out.ends_with("- ") {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push_str("- ");
        match element {
            Value::Object(map) if !map.is_empty() => write_map(out, element, indent + 2),
            Value::Array(inner) if !inner.is_empty() => write_list(out, inner, indent + 2),
            scalar => {
                out.push_str(&inline(scalar));
                out.push('\n');
            }
        }
    }
}

/// A text of several lines as a literal block.
fn write_block(out: &mut String, text: &str, indent: usize) {
    let printable = text.chars().all(|char| char == '\n' || char == '\t' || !char.is_control());
    if !printable || text.starts_with([' ', '\n', '\t']) || text.lines().any(|line| line.ends_with(' ')) {
        out.push(' ');
        out.push_str(&Value::String(text.to_owned()).to_string());
        out.push('\n');
        return;
    }
    let body = text.trim_end_matches('\n');
    out.push_str(match text.len() - body.len() {
        0 => " |-\n",
        1 => " |\n",
        _ => " |+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(line);
        }
        out.push('\n');
    }
    out.extend(std::iter::repeat_n('\n', (text.len() - body.len()).saturating_sub(1)));
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// A text, in quotes where it would be read as something else without.
fn quoted(text: &str) -> String {
    if text.chars().any(|char| char.is_control() || char == '\u{feff}') {
        return Value::String(text.to_owned()).to_string();
    }
    if looks_plain(text) {
        text.to_owned()
    } else if reads_as_other_type(text) {
        format!("\"{text}\"")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

fn looks_plain(text: &str) -> bool {
    let indicator = |char: char| "-?:,[]{}#&*!|>'\"%@`".contains(char);
    let begins_badly = match (text.chars().next(), text.chars().nth(1)) {
        (None, _) => true,
        (Some('-' | '?' | ':'), Some(second)) => second == ' ',
        (Some(first), _) => indicator(first) || first == ' ',
    };
    !begins_badly
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !reads_as_other_type(text)
}

/// Whether YAML 1.1 would read the text as a number, a boolean, null or a time.
fn reads_as_other_type(text: &str) -> bool {
    const WORDS: &[&str] =
        &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".nan", ".inf", "-.inf", "+.inf"];
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text).replace('_', "");
    let number = digits.starts_with(|char: char| char.is_ascii_digit() || char == '.')
        && (digits.parse::<f64>().is_ok()
            || digits.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            || digits.strip_prefix("0o").is_some_and(|octal| octal.bytes().all(|byte| byte.is_ascii_digit())));
    let time = text.len() >= 10
        && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
        && text.as_bytes()[4] == b'-'
        && text.as_bytes()[7] == b'-';
    number || time || WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_not_indented_below_their_key() {
        let value = json!({"b": [{"x": 1, "y": "on"}], "a": {}, "c": "text: more", "d": "two\nlines\n"});
        assert_eq!(write(&value), "a: {}\nb:\n- x: 1\n  \"y\": \"on\"\nc: 'text: more'\nd: |\n  two\n  lines\n");
    }
}
