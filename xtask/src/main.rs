//! `cargo xtask <task>`: what a developer or CI runs beside cargo itself.

mod critest;
mod e2e;
mod guests;
mod push;
mod registry;
mod script;
mod tidy;

use std::path::PathBuf;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <task>

  tidy    check what rustc and clippy cannot: import edges, file sizes, module docs, machine paths
  guests  build the examples and the guests of tests into target/guests
  e2e     play examples/*/README.md with real clients against a real server
          [--coracle PATH] [--kubectl PATH]... [--registry PATH] [NAME]...
          without a registry (CNCF distribution), examples that need one are left out
  critest run upstream's critest against `coracle cri` with our own images, as root; compare with docs/critest.md
          [--coracle PATH] [--critest PATH] [--registry PATH] [-- OPTION...]
          options after -- are critest's own, and then nothing is compared
  push    put a module into a registry of this machine
          [--user NAME:PASSWORD] [--with-data FILE] MODULE REFERENCE
";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("tidy") => tidy::run(&root()),
        Some("guests") => guests::build(&root()),
        Some("critest") => critest::run(&root(), arguments),
        Some("push") => push::run(arguments),
        Some("e2e") => e2e::run(&root(), arguments),
        Some("help" | "--help" | "-h") | None => {
            eprint!("{USAGE}");
            Ok(())
        }
        Some(other) => bail!("no such task: {other}\n{USAGE}"),
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lives in the workspace").to_owned()
}
