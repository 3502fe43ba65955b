//! The one program that everybody runs, in both its builds.
//!
//! # Flow
//! The source is part of this binary, and so is the component that was built from it. The static Linux program is built when it
//! is needed, by the cargo that is there; or it is given.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::image::sha256;
use super::report::Programs;

const COMPONENT: &[u8] = include_bytes!(concat!(env!("CORACLE_GUESTS"), "/compare.wasm"));
const SOURCE: &str = include_str!("../../../benches/compare/src/main.rs");
/// The source as a package.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../../../benches/compare/Cargo.toml")),
    ("Cargo.lock", include_str!("../../../benches/compare/Cargo.lock")),
    (".cargo/config.toml", include_str!("../../../benches/compare/.cargo/config.toml")),
    ("src/main.rs", SOURCE),
];

/// The files.
#[derive(Clone, Debug)]
pub(crate) struct Builds {
    /// The static Linux program, if anybody needs it.
    pub linux: Option<PathBuf>,
    /// The component.
    pub wasm: PathBuf,
}

/// The component: `given`, or ours written to `folder`.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn component(folder: &Path, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let file = folder.join("program.wasm");
    std::fs::write(&file, COMPONENT).with_context(|| format!("write `{}`", file.display()))?;
    Ok(file)
}

/// The static Linux program: `given`, or built in `folder`.
///
/// # Errors
/// There is no cargo, it lacks the target, or the build fails; with what to do.
pub(crate) fn linux(folder: &Path, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let package = folder.join("source");
    for (name, text) in FILES {
        let file = package.join(name);
        let parent = file.parent().context("a file of the package has a folder")?;
        std::fs::create_dir_all(parent).with_context(|| format!("create `{}`", parent.display()))?;
        std::fs::write(&file, text).with_context(|| format!("write `{}`", file.display()))?;
    }
    let target = target();
    let help = format!(
        "to build the Linux program, install Rust and `rustup target add {target}`; or give one with --linux FILE, built from benches/compare"
    );
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "--locked", "--target", &target]).current_dir(&package);
    // What this program may be run with by cargo is not for that build.
    for variable in ["CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    let output = cargo.stdin(Stdio::null()).output().with_context(|| help.clone())?;
    if !output.status.success() {
        bail!("{}\n{help}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(package.join("target").join(target).join("release/compare"))
}

/// This machine's, with a C library that can be linked in whole.
fn target() -> String {
    match std::env::consts::ARCH {
        "arm" => "armv7-unknown-linux-musleabihf".to_owned(),
        "riscv64" => "riscv64gc-unknown-linux-musl".to_owned(),
        other => format!("{other}-unknown-linux-musl"),
    }
}

// === impl Builds ===

impl Builds {
    /// What a report says of them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn describe(&self) -> Result<Programs> {
        let size = |file: &Path| std::fs::metadata(file).map(|it| it.len());
        let context = "read the size of a program";
        Ok(Programs {
            source_sha256: sha256(SOURCE.as_bytes()),
            linux_bytes: self.linux.as_deref().map(size).transpose().context(context)?,
            wasm_bytes: size(&self.wasm).context(context)?,
        })
    }
}
