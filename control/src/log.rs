//! How the program speaks on standard error: levels by `-v`, colors only on a terminal.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Our crates, which speak from a lower level on than others.
const OURS: [&str; 7] = ["coracle", "shim", "controllers", "scheduler", "apiserver", "storage", "runtime"];

/// How much is said without any `-v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Only what goes wrong: the command prints for itself.
    Warn,
    /// What changes, too.
    Info,
}

/// Starts logging: what we do from `level` on, and with each `-v` more of it.
pub(crate) fn init(level: Level, verbose: u8) {
    let (others, ours) = match (level, verbose) {
        // The watchers of kube warn of what our own warnings tell, at length.
        (Level::Warn, 0) => ("warn,kube_runtime=error", "warn"),
        (Level::Info, 0) => ("warn,kube_runtime=error", "info"),
        (_, 1) => ("info", "debug"),
        (_, _) => ("debug", "trace"),
    };
    let filter = OURS.iter().fold(others.to_owned(), |filter, name| format!("{filter},{name}={ours}"));
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// Says why the program ends.
#[expect(clippy::print_stderr, reason = "the last words go to the terminal, whatever the log level")]
pub(crate) fn fatal(error: &anyhow::Error) {
    eprintln!("coracle: {error:#}");
}
