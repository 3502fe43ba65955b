//! Label and field selectors: which objects a list or watch is about, decided on the store's index without parsing.

mod field;
mod label;

pub use field::FieldSelector;
pub use label::LabelSelector;

use storage::Object;

/// Both selectors of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// By label.
    pub labels: LabelSelector,
    /// By field.
    pub fields: FieldSelector,
}

impl Selection {
    /// Whether every object is meant.
    pub fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// Whether this object is meant.
    pub fn matches(&self, object: &Object) -> bool {
        self.labels.matches(&object.index.labels) && self.fields.matches(|name| value_of(object, name))
    }
}

/// The value of a selectable field of a stored object.
fn value_of<'a>(object: &'a Object, name: &str) -> &'a str {
    match name {
        "metadata.name" => &object.key.name,
        "metadata.namespace" => &object.key.namespace,
        _ => object.index.fields.get(name).unwrap_or_default(),
    }
}
