//! What must hold for every row of every kind.

//! Every row is whole, and no two are the same.

use std::collections::BTreeSet;

use super::all;

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
