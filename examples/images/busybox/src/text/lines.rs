//! `sort`, `uniq` and `tee`: lines in another order or to more places.

use std::cmp::Ordering;
use std::io::{self, Read, Write};

use crate::call::Call;
use crate::files::open::{self, Before};
use crate::options::options;

/// `sort`, in memory.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn sort(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "rnu")?;
    let mut lines = Vec::new();
    let code = open::each(call, &options.words, |_, file, _| {
        while let Some(mut line) = file.line()? {
            line.pop_if(|last| *last == b'\n');
            lines.push(line);
        }
        Ok(())
    })?;
    let numeric = options.has('n');
    lines.sort_by(|a, b| {
        let order = if numeric { value(a).total_cmp(&value(b)) } else { Ordering::Equal };
        order.then_with(|| a.cmp(b))
    });
    if options.has('u') {
        lines.dedup_by(|a, b| if numeric { value(a) == value(b) } else { a == b });
    }
    if options.has('r') {
        lines.reverse();
    }
    for mut line in lines {
        line.push(b'\n');
        call.streams.out.write_all(&line)?;
    }
    Ok(code)
}

/// The number that a line begins with; 0 if it is none.
fn value(line: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(text.len());
    text[..end].parse().unwrap_or(0.0)
}

/// `uniq`.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn uniq(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "c")?;
    let counted = options.has('c');
    open::each(call, &options.words, |_, file, out| {
        let mut print = |line: &[u8], count: u64| {
            if counted {
                write!(out, "{count:>7} ")?;
            }
            out.write_all(line)
        };
        let mut last: Option<(Vec<u8>, u64)> = None;
        while let Some(line) = file.line()? {
            match &mut last {
                Some((same, count)) if *same == line => *count += 1,
                _ => {
                    if let Some((line, count)) = last.replace((line, 1)) {
                        print(&line, count)?;
                    }
                }
            }
        }
        last.map_or(Ok(()), |(line, count)| print(&line, count))
    })
}

/// `tee`.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn tee(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "a")?;
    let before = if options.has('a') { Before::Keep } else { Before::Replace };
    let mut code = 0;
    let mut outs = vec![call.streams.out.clone()];
    for word in &options.words {
        match open::write(word, before, &call.streams) {
            Ok(out) => outs.push(out),
            Err(err) => code = call.complain(err),
        }
    }
    let mut buffer = [0; 4096];
    loop {
        let read = call.streams.input.read(&mut buffer)?;
        if read == 0 {
            return Ok(code);
        }
        for out in &mut outs {
            out.write_all(&buffer[..read])?;
            out.flush()?;
        }
    }
}
