//! Rules for names: DNS labels and subdomains, qualified names, keys, paths (`util/validation/validation.go`).

use crate::validation::Faults;

/// The longest DNS label.
pub const DNS_LABEL_BYTES_MAX: usize = 63;
/// The longest DNS subdomain.
pub const DNS_SUBDOMAIN_BYTES_MAX: usize = 253;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const UNDERSCORED: &str = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";

/// An RFC 1123 label: `my-name`.
pub fn dns_label(text: &str) -> Faults {
    let mut faults = longer_than(text, DNS_LABEL_BYTES_MAX, "characters");
    if !is_label(text) {
        faults.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            pattern(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                LABEL,
                &["my-name", "123-abc"],
            )
        });
    }
    faults
}

/// An RFC 1035 label: as [`dns_label`], but it begins with a letter.
pub fn dns_1035_label(text: &str) -> Faults {
    let mut faults = longer_than(text, DNS_LABEL_BYTES_MAX, "characters");
    if !is_label(text) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        faults.push(pattern(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    faults
}

/// An RFC 1123 subdomain: labels joined by dots.
pub fn dns_subdomain(text: &str) -> Faults {
    let mut faults = longer_than(text, DNS_SUBDOMAIN_BYTES_MAX, "characters");
    if !is_subdomain(text) {
        faults.push(pattern(SUBDOMAIN_MESSAGE, SUBDOMAIN, &["example.com"]));
    }
    faults
}

/// A subdomain whose labels may hold underscores (DNS search paths).
pub fn dns_subdomain_with_underscores(text: &str) -> Faults {
    let mut faults = longer_than(text, DNS_SUBDOMAIN_BYTES_MAX, "characters");
    let fits = |label: &str| {
        let label = label.strip_prefix('_').unwrap_or(label);
        edged(label, is_lower_or_digit, |b| is_lower_or_digit(b) || b == b'-' || b == b'_')
    };
    if !text.split('.').all(fits) {
        faults.push(pattern(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
            UNDERSCORED,
            &["example.com"],
        ));
    }
    faults
}

/// `*.` and a subdomain.
pub fn wildcard_dns_subdomain(text: &str) -> Faults {
    let mut faults = longer_than(text, DNS_SUBDOMAIN_BYTES_MAX, "characters");
    if !text.strip_prefix("*.").is_some_and(is_subdomain) {
        faults.push(pattern(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            &format!(r"\*\.{SUBDOMAIN}"),
            &["*.example.com"],
        ));
    }
    faults
}

/// A label's key, or any other name with an optional prefix: `example.com/name`.
pub fn qualified_name(text: &str) -> Faults {
    let (prefix, name) = match text.split_once('/') {
        None => (None, text),
        Some((prefix, name)) if !name.contains('/') => (Some(prefix), name),
        Some(_) => {
            let rule = pattern(
                "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
                QUALIFIED,
                &["MyName", "my.name", "123-abc"],
            );
            return vec![format!("{rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")];
        }
    };
    let mut faults = prefix.map(prefix_faults).unwrap_or_default();
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    }
    faults.extend(longer_than(name, DNS_LABEL_BYTES_MAX, "bytes").iter().map(|f| format!("name part {f}")));
    if !edged(name, |b| b.is_ascii_alphanumeric(), is_name_byte) {
        faults.push(pattern(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            QUALIFIED,
            &["MyName", "my.name", "123-abc"],
        ));
    }
    faults
}

/// A label's value; it may be empty.
pub fn label_value(text: &str) -> Faults {
    let mut faults = longer_than(text, DNS_LABEL_BYTES_MAX, "bytes");
    if !text.is_empty() && !edged(text, |b| b.is_ascii_alphanumeric(), is_name_byte) {
        faults.push(pattern(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    faults
}

/// A key of a ConfigMap or Secret.
pub fn config_map_key(text: &str) -> Faults {
    let mut faults = longer_than(text, DNS_SUBDOMAIN_BYTES_MAX, "characters");
    if text.is_empty() || !text.bytes().all(is_name_byte) {
        faults.push(pattern(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    faults.extend(directory_prefix(text));
    faults
}

/// A variable's name: upstream is lenient since 1.34.
pub fn env_var_name(text: &str) -> Faults {
    if text.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    if text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        return Vec::new();
    }
    vec!["a valid environment variable name must consist only of printable ASCII characters other than '='".to_owned()]
}

/// A name that can stand alone in a URL's path.
pub fn path_segment(text: &str) -> Faults {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"].iter().filter(|c| text.contains(**c)).map(|c| format!("may not contain '{c}'")).collect()
}

/// The name of an HTTP header.
pub fn http_header(text: &str) -> Faults {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Vec::new();
    }
    vec![pattern(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        "[-A-Za-z0-9]+",
        &["X-Header-Name"],
    )]
}

/// `25%`.
pub fn percent(text: &str) -> Faults {
    let digits = text.strip_suffix('%').unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    vec![pattern(
        "a valid percent string must be a numeric string followed by an ending '%'",
        "[0-9]+%",
        &["1%", "93%"],
    )]
}

/// The wording for a text that does not match a regular expression (`validation.RegexError`).
pub fn pattern(message: &str, regex: &str, examples: &[&str]) -> String {
    // The comma after each example and the two spaces are upstream's.
    let list = examples.iter().map(|e| format!("'{e}', ")).collect::<Vec<_>>().join(" or ");
    let opening = if list.is_empty() { String::new() } else { format!("e.g. {list}") };
    format!("{message} ({opening}regex used for validation is '{regex}')")
}

/// A fault if `text` has more than `bytes_max` bytes; upstream calls them bytes or characters.
pub fn longer_than(text: &str, bytes_max: usize, unit: &str) -> Faults {
    if text.len() > bytes_max { vec![format!("must be no more than {bytes_max} {unit}")] } else { Vec::new() }
}

const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const SUBDOMAIN_MESSAGE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

fn prefix_faults(prefix: &str) -> Faults {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    let mut faults = longer_than(prefix, DNS_SUBDOMAIN_BYTES_MAX, "bytes");
    if !is_subdomain(prefix) {
        faults.push(pattern(SUBDOMAIN_MESSAGE, SUBDOMAIN, &["example.com"]));
    }
    faults.iter().map(|fault| format!("prefix part {fault}")).collect()
}

fn directory_prefix(text: &str) -> Faults {
    match text {
        "." => vec!["must not be '.'".to_owned()],
        ".." => vec!["must not be '..'".to_owned()],
        _ if text.starts_with("..") => vec!["must not start with '..'".to_owned()],
        _ => Vec::new(),
    }
}

fn is_label(text: &str) -> bool {
    edged(text, is_lower_or_digit, |b| is_lower_or_digit(b) || b == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Whether `text` is not empty, begins and ends with `edge` bytes and has only `inner` bytes.
fn edged(text: &str, edge: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| edge(*b)) && bytes.last().is_some_and(|b| edge(*b)) && bytes.iter().all(|b| inner(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_tell_good_names_from_bad_ones() {
        type Row = (fn(&str) -> Faults, &'static str, &'static [&'static str]);
        let long = "a".repeat(64);
        let rows: &[Row] = &[
            (dns_label, "my-name", &[]),
            (dns_label, "a.b", &["must not contain dots"]),
            (dns_label, &long.clone().leak()[..], &["must be no more than 63 characters"]),
            (dns_1035_label, "a-1", &[]),
            (dns_subdomain, "a.b-c.1", &[]),
            (dns_subdomain_with_underscores, "_a.b_c", &[]),
            (wildcard_dns_subdomain, "*.a.b", &[]),
            (qualified_name, "a.b/C_d", &[]),
            (label_value, "", &[]),
            (config_map_key, "..", &["must not be '..'"]),
            (env_var_name, "1 a", &[]),
            (path_segment, "a/b%", &["may not contain '/'", "may not contain '%'"]),
            (percent, "10%", &[]),
        ];
        for (rule, text, faults) in rows {
            assert_eq!(rule(text), *faults, "{text}");
        }
        for bad in ["", "-a", "a-", "A", "a_b"] {
            assert_eq!(dns_label(bad).len(), 1, "{bad}");
        }
        assert_eq!(qualified_name("a/b/c").len(), 1);
        assert_eq!(qualified_name("/").len(), 3);
    }

    #[test]
    fn a_pattern_is_worded_as_upstream_words_it() {
        assert_eq!(
            dns_label("A"),
            [
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            ]
        );
    }
}
