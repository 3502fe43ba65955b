//! Runs a command: one instance from its start to its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::oneshot;
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::cpu::{Meter, Metered};
use crate::exit;
use crate::instance::Phase;
use crate::program::Program;
use crate::spec::{Exit, ExitReason, StartError};
use crate::state::{self, State};

/// Starts the program on a task of its own. When this returns, its instance exists or the life has ended.
pub(crate) async fn start(program: Arc<Program>, pre: CommandPre<State>) -> Result<(), StartError> {
    let (started, heard) = oneshot::channel();
    let (account, running) = (Arc::clone(&program.life.cpu), Arc::clone(&program.running));
    let task = Metered::new(account, running, |meter| live(program, pre, meter, started));
    // The life owns it: the task ends when it is killed.
    tokio::spawn(task);
    heard.await.unwrap_or(Ok(()))
}

async fn live(
    program: Arc<Program>,
    pre: CommandPre<State>,
    meter: Arc<Meter>,
    started: oneshot::Sender<Result<(), StartError>>,
) {
    // After a panic the store is dropped and nothing else was borrowed.
    let run = AssertUnwindSafe(run(&program, pre, meter, started)).catch_unwind();
    let exit = tokio::select! {
        biased;
        exit = program.life.put_to_an_end() => exit,
        exit = run => exit.unwrap_or_else(|_| exit::of_panic()),
    };
    if exit.reason == ExitReason::Error && !exit.message.is_empty() {
        tracing::info!(program = %program.life.id, code = exit.code, "a program failed");
    }
    program.streams.finish().await;
    let life = Arc::clone(&program.life);
    // Whoever hears of the end finds everything given back.
    drop(program);
    life.advance(Phase::Ended(exit));
}

async fn run(
    program: &Arc<Program>,
    pre: CommandPre<State>,
    meter: Arc<Meter>,
    started: oneshot::Sender<Result<(), StartError>>,
) -> Exit {
    let mut store = state::store(program, meter);
    let command = match pre.instantiate_async(&mut store).await {
        Ok(command) => command,
        Err(err) => {
            let exit = exit::of_error(&err);
            // A program that does not fit its own limit did start; anything else did not.
            let heard = if exit.reason == ExitReason::OutOfMemory { Ok(()) } else { Err(cannot_start(program, err)) };
            // Whoever started it may have gone away.
            let _ = started.send(heard);
            return exit;
        }
    };
    let _ = started.send(Ok(()));
    exit::of_run(command.wasi_cli_run().call_run(&mut store).await)
}

/// What an instantiation that failed means to whoever wanted to start it.
pub(crate) fn cannot_start(program: &Program, err: wasmtime::Error) -> StartError {
    let operation = format!("instantiate `{}`", program.life.id);
    if err.downcast_ref::<wasmtime::Trap>().is_some() {
        return StartError::BadModule { module: program.life.id.clone(), reason: format!("{err:#}") };
    }
    StartError::Failed { operation, source: err.into() }
}
