//! What must hold for every row of every kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::all;
use crate::authn::jwt::Key;
use crate::authn::token::Tokens;
use crate::registry::resource::Verb;
use crate::rest::connect::{self, Endpoint};
use crate::{authn, authz};

#[test]
fn every_row_has_a_name_of_its_own() {
    let names: BTreeSet<String> = all().iter().map(|r| format!("{}/{}", r.gvk.api_version(), r.plural)).collect();
    assert_eq!(names.len(), all().len());
}

#[test]
fn every_row_fills_the_columns_it_names() {
    let now = crate::registry::resource::Now(time::OffsetDateTime::UNIX_EPOCH);
    for row in all() {
        let cells = (row.cells)(&serde_json::json!({}), now);
        let columns = if row.columns.is_empty() { 2 } else { row.columns.len() };
        assert_eq!(cells.len(), columns, "{}", row.plural);
    }
}

#[test]
fn the_defaults_of_every_row_are_idempotent_and_take_any_object() {
    for row in all() {
        let mut once = serde_json::json!({"spec": {}, "metadata": {"name": "a"}});
        row.strategy.default(&mut once);
        let mut twice = once.clone();
        row.strategy.default(&mut twice);
        assert_eq!(once, twice, "{}", row.plural);
    }
}

/// The table of endpoints decides what is computed; this finds the row that is missing there, which would make the path
/// read or write the object instead.
#[test]
fn what_cannot_be_stored_has_an_endpoint() {
    let storage = storage::open_memory();
    let tokens = Arc::new(Tokens::new(Key::generate(), String::new(), storage));
    let endpoints: Vec<Endpoint> =
        [authn::endpoints(&tokens), authz::endpoints(), super::core::endpoints()].into_iter().flatten().collect();
    for row in all() {
        let computed = |subresource| connect::find(&endpoints, &row, subresource).is_some();
        assert_eq!(computed(""), !row.verbs.contains(&Verb::Get), "{}", row.plural);
        for part in row.subresources {
            let may_be_stored = part.verbs.contains(&Verb::Update) && !part.verbs.contains(&Verb::Create);
            assert_eq!(computed(part.name), !may_be_stored, "{}/{}", row.plural, part.name);
        }
    }
}
