//! Counting: `seq`, `wc`, and `yes`, which does not.

use std::io::{self, Read, Write};

use crate::call::{Call, fail};
use crate::files::open;
use crate::options::{number, options};

const YES_BYTES: usize = 4 << 10;

/// `yes`.
///
/// # Errors
/// The output breaks, which is how it ends.
pub fn yes(call: &mut Call) -> io::Result<u8> {
    let line = if call.args.is_empty() { "y\n".to_owned() } else { format!("{}\n", call.args.join(" ")) };
    let lines = line.repeat((YES_BYTES / line.len()).max(1));
    loop {
        call.streams.out.write_all(lines.as_bytes())?;
    }
}

/// `seq`, of whole numbers.
///
/// # Errors
/// A word is no number, or the output breaks.
pub fn seq(call: &mut Call) -> io::Result<u8> {
    let numbers = call.args.iter().map(|word| number::<i64>(word)).collect::<io::Result<Vec<_>>>()?;
    let (first, step, last) = match *numbers.as_slice() {
        [last] => (1, 1, last),
        [first, last] => (first, 1, last),
        [first, step, last] => (first, step, last),
        _ => return fail("expected one to three numbers"),
    };
    if step == 0 {
        return fail("the step is 0");
    }
    let mut next = Some(first);
    while let Some(count) = next.filter(|count| if step > 0 { *count <= last } else { *count >= last }) {
        writeln!(call.streams.out, "{count}")?;
        next = count.checked_add(step);
    }
    Ok(0)
}

/// What `wc` counts.
#[derive(Clone, Copy, Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
}

/// `wc`.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn wc(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "lwc")?;
    let all = !['l', 'w', 'c'].into_iter().any(|letter| options.has(letter));
    let print = |counts: Counts, name: &str, out: &mut dyn Write| {
        let columns = [('l', counts.lines), ('w', counts.words), ('c', counts.bytes)];
        let shown: Vec<u64> =
            columns.iter().filter(|(letter, _)| all || options.has(*letter)).map(|(_, n)| *n).collect();
        // One number alone is not padded, so that a shell can take it.
        let wide = shown.len() > 1 || !name.is_empty();
        let numbers: Vec<String> = shown.iter().map(|n| if wide { format!("{n:>9}") } else { n.to_string() }).collect();
        let space = if name.is_empty() { "" } else { " " };
        writeln!(out, "{}{space}{name}", numbers.join(" "))
    };
    let mut total = Counts::default();
    let code = open::each(call, &options.words, |name, mut file, out| {
        let counts = counted(&mut file)?;
        total.lines += counts.lines;
        total.words += counts.words;
        total.bytes += counts.bytes;
        print(counts, if options.words.is_empty() { "" } else { name }, out)
    })?;
    if options.words.len() > 1 {
        print(total, "total", &mut call.streams.out)?;
    }
    Ok(code)
}

fn counted(file: &mut impl Read) -> io::Result<Counts> {
    let mut counts = Counts::default();
    let mut buffer = [0; 4096];
    let mut inside = false;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(counts);
        }
        counts.bytes += read as u64;
        for byte in &buffer[..read] {
            counts.lines += u64::from(*byte == b'\n');
            let space = byte.is_ascii_whitespace();
            counts.words += u64::from(!space && !inside);
            inside = !space;
        }
    }
}
