//! Where the objects of a kind come from that has no stored ones of its own: another kind, or nowhere.

use futures::future::BoxFuture;
use serde_json::Value;

use crate::registry::Registry;

/// A kind that is another kind seen through other field names (`events.k8s.io` over core events).
#[derive(Clone, Copy)]
pub struct View {
    /// Group, version and plural of the row that owns the objects.
    pub of: (&'static str, &'static str, &'static str),
    /// This kind's form turned into the stored one.
    pub to_stored: fn(Value) -> Value,
    /// The stored form turned into this kind's.
    pub from_stored: fn(Value) -> Value,
    /// This kind's selectable fields and what the owner calls them.
    pub field_names: &'static [(&'static str, &'static str)],
}

/// Makes up the objects of a kind, of which there are always the same few.
pub type Computed = for<'a> fn(&'a Registry) -> BoxFuture<'a, Vec<Value>>;
