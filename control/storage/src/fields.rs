//! The values of an object's selectable fields, packed: an Event has eleven of them, and stays for an hour.

use std::sync::Arc;

/// Names that all objects of a kind share, and one text that holds the values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    // Invariant: as many as `ends`.
    names: Arc<[Box<str>]>,
    values: Box<str>,
    /// Where each value ends in `values`.
    // Invariant: increasing, on boundaries of characters, the last one the end of `values`.
    ends: Box<[u32]>,
}

// === impl Fields ===

impl Fields {
    /// These fields, each name with its value.
    pub fn new<N: Into<Box<str>>, V: AsRef<str>>(fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let (mut names, mut values, mut ends) = (Vec::new(), String::new(), Vec::new());
        for (name, value) in fields {
            names.push(name.into());
            values.push_str(value.as_ref());
            ends.push(u32::try_from(values.len()).expect("objects are smaller than 4 GiB"));
        }
        Self { names: names.into(), values: values.into(), ends: ends.into() }
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let mut start = 0;
        self.names.iter().zip(&self.ends).map(move |(name, end)| {
            let end = *end as usize;
            let value = &self.values[start..end];
            start = end;
            (&**name, value)
        })
    }

    /// What the fields are called.
    pub(crate) fn names(&self) -> &Arc<[Box<str>]> {
        &self.names
    }

    /// The same with another copy of the same names.
    pub(crate) fn with_names(self, names: Arc<[Box<str>]>) -> Self {
        debug_assert_eq!(self.names, names);
        Self { names, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_value() {
        let fields = Fields::new([("a", "one"), ("b", ""), ("c", "\u{e4}\0"), ("d", "")]);
        let all: Vec<_> = fields.iter().collect();
        assert_eq!(all, [("a", "one"), ("b", ""), ("c", "\u{e4}\0"), ("d", "")]);
        assert_eq!(fields.get("c"), Some("\u{e4}\0"));
        assert_eq!(fields.get("e"), None);
        assert_eq!(Fields::default().iter().len(), 0);
    }
}
