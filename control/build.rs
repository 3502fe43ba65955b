//! Builds the guest programs of `examples/` for WASI, so that the demo carries one and tests can run them all, and the one
//! that `coracle compare` runs.
//!
//! It asks nothing of the machine but the toolchain's own `wasm32-wasip2` target, which rust-toolchain.toml installs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The guests' folders, which are named as they are.
const GUESTS: &[&str] =
    &["examples/hello-http", "examples/hello-command", "examples/tcp-echo", "examples/limits", "benches/compare"];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let built = out.join("guests");
    std::fs::create_dir_all(&built).expect("OUT_DIR is writable");
    for guest in GUESTS {
        let folder = root.join(guest);
        let guest = guest.rsplit('/').next().expect("a split has at least one part");
        build(&folder, &out.join("guests-target"));
        let name = format!("{}.wasm", guest.replace('-', "_"));
        let from = [format!("{guest}.wasm"), name]
            .map(|file| out.join("guests-target/wasm32-wasip2/release").join(file))
            .into_iter()
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("`{guest}` built no .wasm file"));
        std::fs::copy(from, built.join(format!("{guest}.wasm"))).expect("OUT_DIR is writable");
        println!("cargo:rerun-if-changed={}", folder.join("src").display());
        println!("cargo:rerun-if-changed={}", folder.join("Cargo.toml").display());
    }
    println!("cargo:rustc-env=CORACLE_GUESTS={}", built.display());
}

fn build(folder: &Path, target: &Path) {
    let status = Command::new(env::var_os("CARGO").expect("cargo sets it"))
        .args(["build", "--release", "--locked", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(target)
        .current_dir(folder)
        // What cargo set for the host's build must not leak into the guest's.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .expect("cargo runs, since it runs this");
    assert!(status.success(), "`cargo build --target wasm32-wasip2` failed in `{}`", folder.display());
}
