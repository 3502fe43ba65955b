//! `head` and `tail`: the beginning and the end.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use crate::call::{Call, In, Out, fail};
use crate::files::open;
use crate::options::{Options, number, options};

const LINES: u64 = 10;
/// How often `tail -f` looks again: WASI has nothing that would tell.
const FOLLOW_MS: u64 = 500;

/// `head`.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn head(call: &mut Call) -> io::Result<u8> {
    let options = options(&with_letter(call.args), "n:c:q")?;
    let (lines, bytes) = (options.number::<u64>('n')?.unwrap_or(LINES), options.number::<u64>('c')?);
    let titled = options.words.len() > 1 && !options.has('q');
    let mut first = true;
    open::each(call, &options.words, |name, mut file, out| {
        title(out, name, titled, &mut first)?;
        match bytes {
            Some(bytes) => io::copy(&mut (&mut file).take(bytes), out).map(|_| ()),
            None => copy_lines(&file, lines, out),
        }
    })
}

/// `-5` is an old way to say `-n 5`.
fn with_letter(args: &[String]) -> Vec<String> {
    let digits = |word: &str| word.len() > 1 && word.starts_with('-') && word[1..].bytes().all(|b| b.is_ascii_digit());
    match args {
        [first, rest @ ..] if digits(first) => [&[format!("-n{}", &first[1..])], rest].concat(),
        _ => args.to_vec(),
    }
}

fn title(out: &mut Out, name: &str, titled: bool, first: &mut bool) -> io::Result<()> {
    if titled {
        writeln!(out, "{}==> {name} <==", if *first { "" } else { "\n" })?;
        *first = false;
    }
    Ok(())
}

fn copy_lines(file: &In, lines: u64, out: &mut Out) -> io::Result<()> {
    for _ in 0..lines {
        let Some(line) = file.line()? else { break };
        out.write_all(&line)?;
    }
    Ok(())
}

/// Which end `tail` shows.
#[derive(Clone, Copy)]
enum End {
    LastLines(usize),
    FromLine(u64),
    LastBytes(usize),
}

/// `tail`. With `-f` it goes on with its last file until it is ended.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn tail(call: &mut Call) -> io::Result<u8> {
    let options = options(&with_letter(call.args), "fFn:c:q")?;
    let end = end(&options)?;
    let titled = options.words.len() > 1 && !options.has('q');
    let (mut first, mut last) = (true, None);
    let code = open::each(call, &options.words, |name, file, out| {
        title(out, name, titled, &mut first)?;
        print_end(&file, end, out)?;
        last = Some(file);
        Ok(())
    })?;
    let follow = options.has('f') || options.has('F');
    let Some(mut file) = last.filter(|_| follow) else { return Ok(code) };
    loop {
        open::copy(&mut file, &mut call.streams.out)?;
        thread::sleep(Duration::from_millis(FOLLOW_MS));
    }
}

fn end(options: &Options) -> io::Result<End> {
    match (options.value('n'), options.value('c')) {
        (None, None) => Ok(End::LastLines(LINES as usize)),
        (Some(count), None) => match count.strip_prefix('+') {
            Some(count) => Ok(End::FromLine(number(count)?)),
            None => Ok(End::LastLines(number(count)?)),
        },
        (None, Some(count)) => Ok(End::LastBytes(number(count)?)),
        (Some(_), Some(_)) => fail("-n and -c together"),
    }
}

fn print_end(file: &In, end: End, out: &mut Out) -> io::Result<()> {
    match end {
        End::FromLine(first) => {
            let mut at = 0;
            while let Some(line) = file.line()? {
                at += 1;
                if at >= first {
                    out.write_all(&line)?;
                }
            }
            Ok(())
        }
        End::LastLines(count) => {
            let mut kept = VecDeque::new();
            while let Some(line) = file.line()? {
                kept.push_back(line);
                if kept.len() > count {
                    kept.pop_front();
                }
            }
            kept.iter().try_for_each(|line| out.write_all(line))
        }
        End::LastBytes(count) => {
            let mut kept = Vec::new();
            let mut file = file.clone();
            let mut buffer = [0; 4096];
            loop {
                let read = file.read(&mut buffer)?;
                if read == 0 {
                    return out.write_all(&kept);
                }
                kept.extend_from_slice(&buffer[..read]);
                kept.drain(..kept.len().saturating_sub(count));
            }
        }
    }
}
