//! Decides what the end of a guest means: exit code, reason and message.

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::instance::CODE_KILLED;
use crate::memory::OverLimit;
use crate::spec::{Exit, ExitReason};

/// As a shell reports SIGABRT, SIGFPE and SIGSEGV: what a native program would have died of.
const CODE_ABORTED: i32 = 134;
const CODE_ARITHMETIC: i32 = 136;
const CODE_BAD_MEMORY: i32 = 139;
/// The innermost frames say where; the rest is how a program always gets there.
const FRAMES_MAX: usize = 8;
/// Kubernetes keeps no more of a termination message.
const MESSAGE_BYTES_MAX: usize = 4096;

/// What a run that came back with `result` of `wasi:cli/run` means.
pub(crate) fn of_run(result: wasmtime::Result<Result<(), ()>>) -> Exit {
    match result {
        Ok(Ok(())) => of_code(0),
        Ok(Err(())) => of_code(1),
        Err(err) => of_error(&err),
    }
}

/// What an error that ended a guest means.
pub(crate) fn of_error(err: &wasmtime::Error) -> Exit {
    if let Some(I32Exit(code)) = err.downcast_ref() {
        return of_code(*code);
    }
    if let Some(over) = err.downcast_ref::<OverLimit>() {
        return Exit { code: CODE_KILLED, reason: ExitReason::OutOfMemory, message: over.to_string() };
    }
    let code = err.downcast_ref().map_or(CODE_ABORTED, of_trap);
    Exit { code, reason: ExitReason::Error, message: truncated(message(err)) }
}

/// What a panic of ours below a guest means.
pub(crate) fn of_panic() -> Exit {
    let message = "the runtime failed while it served this program; see the node's log".to_owned();
    Exit { code: CODE_ABORTED, reason: ExitReason::Error, message }
}

fn of_code(code: i32) -> Exit {
    let reason = if code == 0 { ExitReason::Completed } else { ExitReason::Error };
    // As a Unix parent sees it.
    Exit { code: code & 0xff, reason, message: String::new() }
}

fn of_trap(trap: &Trap) -> i32 {
    match trap {
        Trap::IntegerDivisionByZero | Trap::IntegerOverflow | Trap::BadConversionToInteger => CODE_ARITHMETIC,
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned | Trap::TableOutOfBounds | Trap::StackOverflow => {
            CODE_BAD_MEMORY
        }
        _ => CODE_ABORTED,
    }
}

/// The cause first, because lists show only how a message begins; then what failed for it, then where.
fn message(err: &wasmtime::Error) -> String {
    let backtrace = err.downcast_ref::<WasmBacktrace>();
    let text = backtrace.map(ToString::to_string).unwrap_or_default();
    let mut causes: Vec<String> = err.chain().map(ToString::to_string).filter(|cause| *cause != text).collect();
    causes.reverse();
    let cause = causes.join("; ");
    match backtrace.map_or(0, |backtrace| backtrace.frames().len()) {
        0 => cause,
        // The text's own first line is a heading, and after the frames may come a note for developers of hosts.
        frames => format!("{cause}\n{}", located(text.lines().skip(1).take(frames))),
    }
}

fn located<'a>(frames: impl Iterator<Item = &'a str>) -> String {
    let frames: Vec<&str> = frames.collect();
    let mut text = format!("wasm backtrace:\n{}", frames[..frames.len().min(FRAMES_MAX)].join("\n"));
    if frames.len() > FRAMES_MAX {
        text += &format!("\n  and {} more", frames.len() - FRAMES_MAX);
    }
    text
}

fn truncated(mut message: String) -> String {
    let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
    message.truncate(end);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_mean_what_a_unix_parent_would_see() {
        for (result, code, reason) in [
            (Ok(Ok(())), 0, ExitReason::Completed),
            (Ok(Err(())), 1, ExitReason::Error),
            (Err(I32Exit(0).into()), 0, ExitReason::Completed),
            (Err(I32Exit(7).into()), 7, ExitReason::Error),
            (Err(I32Exit(-1).into()), 255, ExitReason::Error),
            (Err(Trap::UnreachableCodeReached.into()), 134, ExitReason::Error),
            (Err(Trap::StackOverflow.into()), 139, ExitReason::Error),
            (Err(Trap::IntegerDivisionByZero.into()), 136, ExitReason::Error),
        ] {
            let exit = of_run(result);
            assert_eq!((exit.code, exit.reason), (code, reason), "{}", exit.message);
        }
    }

    #[test]
    fn the_cause_comes_first_and_frames_are_few() {
        let failed = wasmtime::format_err!("disk full").context("write a file");
        assert_eq!(message(&failed), "disk full; write a file");
        let frames: Vec<String> = (0..10).map(|number| format!("  {number}: f")).collect();
        let text = located(frames.iter().map(String::as_str));
        assert!(text.starts_with("wasm backtrace:\n  0: f\n") && text.ends_with("  7: f\n  and 2 more"), "{text}");
    }

    #[test]
    fn messages_are_bounded() {
        assert!(
            of_error(&wasmtime::format_err!("{}", "ü".repeat(MESSAGE_BYTES_MAX))).message.len() <= MESSAGE_BYTES_MAX
        );
    }
}
