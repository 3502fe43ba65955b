//! Turns the schema data files and the descriptions of `k8s-openapi` into what `src/schema` and `src/openapi` hold.

#[path = "build/descriptions.rs"]
mod descriptions;
#[path = "build/table.rs"]
mod table;

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let (fields, lists) = (read(&root.join("schema/fields.tsv")), read(&root.join("schema/lists.tsv")));
    write(&out.join("schema.rs"), table::Tables::new(&fields, &lists).render().as_bytes());
    let packed = descriptions::pack();
    write(&out.join("descriptions.deflate"), &packed);
    let mut hash = Fnv::new();
    for part in [fields.as_bytes(), lists.as_bytes(), &packed] {
        hash.add(part);
    }
    // A document changes with the code that writes it, too.
    for file in ["mod.rs", "descriptions.rs", "paths.rs", "schemas.rs", "v2.rs", "v3.rs"] {
        hash.add(read(&root.join("src/openapi").join(file)).as_bytes());
    }
    println!("cargo::rustc-env=OPENAPI_SOURCES={:016x}", hash.0);
    println!("cargo::rerun-if-changed=build");
}

fn read(path: &Path) -> String {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(path).unwrap_or_else(|e| panic!("read {}: {e}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|e| panic!("write {}: {e}", path.display()));
}

/// FNV-1a: a hash that stays the same from one toolchain to the next.
struct Fnv(u64);

// === impl Fnv ===

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
