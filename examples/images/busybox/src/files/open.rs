//! Opens what a word names. WASI has no device files, so the few that scripts rely on are known here by name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use crate::call::{In, Out, Streams, about};

/// What to do with what a file held before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Before {
    /// It goes.
    Replace,
    /// What is written comes after it.
    Keep,
}

/// Opens a word for reading; `-` is the input.
///
/// # Errors
/// There is no such file, or it may not be read.
pub fn read(word: &str, streams: &Streams) -> io::Result<In> {
    match word {
        "-" | "/dev/stdin" => Ok(streams.input.clone()),
        "/dev/null" => Ok(In::new(io::empty())),
        "/dev/zero" => Ok(In::new(io::repeat(0))),
        path => {
            let file = about(path, File::open(path))?;
            // WASI opens a directory like a file and fails when it is read, with less to say.
            if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
                return about(path, Err(io::ErrorKind::IsADirectory.into()));
            }
            Ok(In::new(file))
        }
    }
}

/// Opens a word for writing; `-` is the output.
///
/// # Errors
/// The file cannot be made or written.
pub fn write(word: &str, before: Before, streams: &Streams) -> io::Result<Out> {
    match word {
        "-" | "/dev/stdout" => Ok(streams.out.clone()),
        "/dev/stderr" => Ok(streams.err.clone()),
        "/dev/null" => Ok(Out::new(io::sink())),
        path => {
            let mut how = OpenOptions::new();
            how.create(true);
            let how = match before {
                Before::Replace => how.write(true).truncate(true),
                Before::Keep => how.append(true),
            };
            Ok(Out::new(about(path, how.open(path))?))
        }
    }
}

/// Does the same with each word, or with the input if there is none. One that cannot be opened is complained about and
/// makes the code 1.
///
/// # Errors
/// What is done fails.
pub fn each(
    call: &mut crate::call::Call,
    words: &[String],
    mut action: impl FnMut(&str, In, &mut Out) -> io::Result<()>,
) -> io::Result<u8> {
    let input = ["-".to_owned()];
    let mut code = 0;
    for word in if words.is_empty() { &input } else { words } {
        match read(word, &call.streams) {
            Ok(file) => action(word, file, &mut call.streams.out)?,
            Err(err) => code = call.complain(err),
        }
    }
    Ok(code)
}

/// Copies everything, and flushes at each pause so that a reader sees it when it is said.
///
/// # Errors
/// One of the two breaks.
pub fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut sum = 0;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(sum);
        }
        to.write_all(&buffer[..read])?;
        to.flush()?;
        sum += read as u64;
    }
}

const COPY_BYTES: usize = 32 << 10;
