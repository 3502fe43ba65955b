//! `ps`, `pgrep` and `top`: an instance sees itself and no other, and says so.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::applets;
use crate::call::{Call, fail};
use crate::clock::duration;
use crate::options::options;
use crate::pattern::Pattern;
use crate::wasi;

/// What an instance is to itself.
const PID: u32 = 1;
const TOP_SECONDS: u64 = 5;

/// `ps`.
///
/// # Errors
/// The output breaks.
pub fn ps(call: &mut Call) -> io::Result<u8> {
    writeln!(call.streams.out, "PID   COMMAND")?;
    writeln!(call.streams.out, "{PID:5} {}", command())?;
    Ok(0)
}

/// `pgrep`: 1 if this instance's name does not match. Like any pgrep it does not count itself.
///
/// # Errors
/// The pattern is none.
pub fn pgrep(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "flxa")?;
    let [pattern] = options.words.as_slice() else { return fail("expected one pattern") };
    let pattern = Pattern::extended(pattern, false)?;
    let name = program();
    let subject = if options.has('f') { command() } else { name.clone() };
    let found = pattern.find(&subject);
    let matches = if options.has('x') { found == Some((0, subject.len())) } else { found.is_some() };
    if name == "pgrep" || !matches {
        return Ok(1);
    }
    match () {
        () if options.has('a') => writeln!(call.streams.out, "{PID} {}", command())?,
        () if options.has('l') => writeln!(call.streams.out, "{PID} {name}")?,
        () => writeln!(call.streams.out, "{PID}")?,
    }
    Ok(0)
}

/// `top`: goes on until it is ended or has printed `-n` times.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn top(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "bd:n:")?;
    let pause = options.value('d').map_or(Ok(Duration::from_secs(TOP_SECONDS)), duration)?;
    let mut left = options.number::<u64>('n')?;
    let began = Instant::now();
    while left != Some(0) {
        let memory = wasi::memory_bytes().map_or_else(|| "?".to_owned(), |bytes| format!("{}K", bytes >> 10));
        let out = &mut call.streams.out;
        writeln!(out, "Mem: {memory} of this instance; CPU and other programs cannot be seen from inside")?;
        writeln!(out, "  PID  TIME   MEM COMMAND")?;
        writeln!(out, "{PID:5} {:4}s {memory:>5} {}", began.elapsed().as_secs(), command())?;
        out.flush()?;
        left = left.map(|count| count - 1);
        if left != Some(0) {
            thread::sleep(pause);
        }
    }
    Ok(0)
}

/// This instance's program, as it was called.
fn program() -> String {
    let words: Vec<String> = std::env::args().collect();
    let name = words.first().map_or("busybox", |word| applets::name_of(word));
    match (name, words.get(1)) {
        ("busybox", Some(applet)) => applets::name_of(applet).to_owned(),
        _ => name.to_owned(),
    }
}

fn command() -> String {
    std::env::args().collect::<Vec<_>>().join(" ")
}
