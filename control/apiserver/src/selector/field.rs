//! Field selectors: `a=b,c!=d`, with `\` before a comma, an equals sign or itself (`k8s.io/apimachinery/pkg/fields`).

use crate::error::Failure;
use crate::registry::resource::{Resource, Scope};

/// Terms that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Upstream's message.
    pub fn parse(text: &str) -> Result<FieldSelector, String> {
        let mut terms = split_terms(text);
        // Upstream sorts first, which shows in which of two bad terms an error names.
        terms.sort_unstable();
        terms
            .into_iter()
            .filter(|term| !term.is_empty())
            .map(|term| {
                let (field, equal, value) =
                    split_term(term).ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{term}'"))?;
                Ok(Term { field: field.to_owned(), equal, value: unescape(value)? })
            })
            .collect::<Result<_, String>>()
            .map(FieldSelector)
    }

    /// The selector by which stored objects are asked for, where this kind calls its fields otherwise.
    ///
    /// # Errors
    /// 400 that names a field by which this kind cannot be selected.
    pub fn check(mut self, resource: &Resource) -> Result<FieldSelector, Failure> {
        for term in &mut self.0 {
            check_field(resource, &term.field)?;
            let names = resource.view.map(|view| view.field_names).unwrap_or_default();
            if let Some((_, stored)) = names.iter().find(|(name, _)| *name == term.field) {
                term.field = (*stored).to_owned();
            }
        }
        Ok(self)
    }

    /// Whether there are no terms.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The one value that a field must have.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|term| term.equal && term.field == field).map(|term| term.value.as_str())
    }

    /// A field beside the name and namespace that must have one value: the store may keep an index of it.
    pub fn indexed(&self) -> Option<(&str, &str)> {
        let own = |term: &&Term| term.equal && !term.field.starts_with("metadata.");
        self.0.iter().find(own).map(|term| (term.field.as_str(), term.value.as_str()))
    }

    /// Whether an object with these values is meant.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> &'a str) -> bool {
        self.0.iter().all(|term| (value_of(&term.field) == term.value) == term.equal)
    }
}

fn check_field(resource: &Resource, field: &str) -> Result<(), Failure> {
    let own: Vec<&str> = match resource.view {
        Some(view) => view.field_names.iter().map(|(name, _)| *name).collect(),
        None => resource.selectable_fields.iter().map(|(name, _)| *name).collect(),
    };
    let own_fields = !own.is_empty();
    let known = match field {
        "metadata.name" => true,
        // Kinds with their own list of fields name the namespace in it only if they have one.
        "metadata.namespace" => !own_fields || resource.scope == Scope::Namespaced,
        _ => own.contains(&field),
    };
    if !known && &*resource.gvk.group == "batch" && own_fields {
        let (field, kind) = (crate::field::quote(field), &resource.gvk.kind);
        return Err(Failure::bad_request(format!("field label {field} not supported for {kind}")));
    }
    match (known, own_fields) {
        (true, _) => Ok(()),
        (false, true) => Err(Failure::bad_request(format!("field label not supported: {field}"))),
        (false, false) => Err(Failure::bad_request(format!(
            "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
            crate::field::quote(field)
        ))),
    }
}

/// Splits at commas that no backslash stands before.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.find(['=', '!']).filter(|at| !term[*at..].starts_with('!') || term[*at..].starts_with("!="));
    let at = at.or_else(|| term.find("!=")).or_else(|| term.find('='))?;
    let operator = ["!=", "==", "="].into_iter().find(|operator| term[at..].starts_with(operator))?;
    Some((&term[..at], operator != "!=", &term[at + operator.len()..]))
}

fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                other => {
                    let tail = other.map(String::from).unwrap_or_default();
                    return Err(format!("invalid field selector: invalid escape sequence: \\{tail}"));
                }
            },
            ',' | '=' => return Err(format!("invalid field selector: unescaped character in value: {char}")),
            other => out.push(other),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn terms_are_joined_by_commas() {
        let selector = FieldSelector::parse("a==b,c!=d,").unwrap();
        assert!(selector.matches(|name| if name == "a" { "b" } else { "x" }));
        assert!(!selector.matches(|name| if name == "a" { "b" } else { "d" }));
        assert_eq!(selector.exact("a"), Some("b"));
    }

    #[test]
    fn a_backslash_escapes() {
        assert_eq!(FieldSelector::parse("a=b\\,c").unwrap().exact("a"), Some("b,c"));
        assert_eq!(FieldSelector::parse("a=b\\c").unwrap_err(), "invalid field selector: invalid escape sequence: \\c");
    }

    #[test]
    fn a_term_without_an_operator_is_not_understood() {
        let text = "metadata.name in (a,b)";
        assert_eq!(
            FieldSelector::parse(text).unwrap_err(),
            "invalid selector: 'metadata.name in (a,b)'; can't understand 'b)'"
        );
    }
}
