//! Turns the schema data files into the static tables that `src/schema/table.rs` reads.

#[path = "build/table.rs"]
mod table;

use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let schema = Path::new(&root).join("schema");
    let read = |name: &str| {
        let path = schema.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("read {}: {e}", path.display()))
    };
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let tables = table::Tables::new(&read("fields.tsv"), &read("lists.tsv"));
    fs::write(Path::new(&out).join("schema.rs"), tables.render()).expect("write schema.rs");
    println!("cargo::rerun-if-changed=build");
}
