//! How the program speaks on standard error: levels by `-v`, colors only on a terminal.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging: warnings of others and what we do; with each `-v` more.
pub(crate) fn init(verbose: u8) {
    let filter = match verbose {
        0 => "warn,coracle=info,shim=info,controllers=info,scheduler=info,apiserver=info,storage=info,runtime=info",
        1 => {
            "info,coracle=debug,shim=debug,controllers=debug,scheduler=debug,apiserver=debug,storage=debug,runtime=debug"
        }
        _ => {
            "debug,coracle=trace,shim=trace,controllers=trace,scheduler=trace,apiserver=trace,storage=trace,runtime=trace"
        }
    };
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
