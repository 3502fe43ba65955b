//! Composition root: reads the command line, starts what it asks for, and says how it ended.

#[cfg(feature = "node")]
mod admin;
mod args;
mod cluster;
#[cfg(feature = "node")]
mod compare;
mod config;
#[cfg(feature = "node")]
mod cri;
#[cfg(feature = "node")]
mod demo;
#[cfg(feature = "node")]
mod image;
mod kubeconfig;
mod kubelet;
mod log;
#[cfg(feature = "node")]
mod node;
mod pki;
mod server;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use args::{Arguments, Command};

/// Threads that run requests and guests. Two are enough for a gateway, and each costs memory.
const WORKER_THREADS: usize = 2;
/// Threads for file reads and the like; tokio's default of 512 would eat a gateway.
const BLOCKING_THREADS_MAX: usize = 8;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    #[cfg(feature = "node")]
    if let Command::Compile(compile) = arguments.command {
        return runtime::compile_main(compile.arguments);
    }
    log::init(arguments.command.log_level(), arguments.verbose);
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::fatal(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("start the threads")?;
    runtime.block_on(async {
        match command {
            Command::Server(server) => server::run(config::Config::new(server)?).await,
            #[cfg(feature = "node")]
            Command::Cri(cri) => cri::run(cri).await,
            #[cfg(feature = "node")]
            Command::Demo(demo) => demo::run(demo).await,
            #[cfg(feature = "node")]
            Command::Compare(compare) => compare::run(compare).await,
            #[cfg(feature = "node")]
            Command::Image(image) => image::run(image).await,
            #[cfg(feature = "node")]
            Command::Address(address) => image::address(address).await,
            // Of a whole build only `compile`, which `main` has answered.
            _ => anyhow::bail!("this build of coracle has no node: build it with the feature `node`"),
        }
    })
}
