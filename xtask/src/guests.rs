//! Builds the WebAssembly guests: every example, and the guests of tests and benches, into `target/guests/<name>.wasm`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Folders whose children are guests, each a package of its own.
const FOLDERS: &[&str] = &["examples", "examples/images", "runtime/tests/guests"];
const TARGET: &str = "wasm32-wasip2";

/// Builds every guest below `root`, the repository's root.
///
/// # Errors
/// A guest does not build, or a folder cannot be read.
pub(crate) fn build(root: &Path) -> Result<()> {
    let out = root.join("target/guests");
    std::fs::create_dir_all(&out).context("create target/guests")?;
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).with_context(|| format!("list `{folder}`"))? {
            let dir = entry?.path();
            if dir.join("Cargo.toml").exists() {
                build_one(root, &dir, &out)?;
            }
        }
    }
    Ok(())
}

fn build_one(root: &Path, dir: &Path, out: &Path) -> Result<()> {
    let name = dir.file_name().and_then(|name| name.to_str()).context("the name of a guest is not UTF-8")?;
    let build = root.join("target/guests-build");
    // Run in its folder, so that its own `.cargo/config.toml` and lock decide. Variables that an outer cargo set for
    // its own target must not reach it.
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--locked", "--target", TARGET])
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", &build)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .context("start cargo")?;
    if !status.success() {
        bail!("guest `{name}` did not build");
    }
    let release = build.join(TARGET).join("release");
    // A library is named with underscores.
    let built = [name.to_owned(), name.replace('-', "_")].map(|stem| release.join(format!("{stem}.wasm")));
    let built = built.iter().find(|path| path.exists()).with_context(|| format!("guest `{name}` has no output"))?;
    // Replaced whole, because tests of several processes read it.
    let temporary = out.join(format!("{name}.{}.tmp", std::process::id()));
    std::fs::copy(built, &temporary).with_context(|| format!("copy guest `{name}`"))?;
    std::fs::rename(&temporary, out.join(format!("{name}.wasm"))).with_context(|| format!("name guest `{name}`"))
}
