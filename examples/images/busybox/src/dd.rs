//! `dd`: blocks from one place to another.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Instant;

use crate::call::{Call, In, Out, about, fail};
use crate::files::open;
use crate::options::number;

/// A block is a buffer; no larger one is taken.
const BLOCK_BYTES_MAX: u64 = 64 << 20;

#[derive(Default)]
struct Plan {
    from: Option<String>,
    to: Option<String>,
    block: u64,
    count: Option<u64>,
    skip: u64,
    seek: u64,
    keep: bool,
    silent: bool,
}

/// `dd`.
///
/// # Errors
/// A word is not known, or one of the two ends breaks.
pub fn dd(call: &mut Call) -> io::Result<u8> {
    let plan = plan(call.args)?;
    let mut input = open::read(plan.from.as_deref().unwrap_or("-"), &call.streams)?;
    let mut out = output(&plan, call)?;
    let began = Instant::now();
    let skipped = plan.skip.saturating_mul(plan.block);
    io::copy(&mut (&mut input).take(skipped), &mut io::sink())?;
    let (whole, part, bytes) = copy(&plan, &mut input, &mut out)?;
    out.flush()?;
    if !plan.silent {
        let seconds = began.elapsed().as_secs_f64();
        let err = &mut call.streams.err;
        writeln!(err, "{whole}+{part} records in\n{whole}+{part} records out")?;
        writeln!(err, "{bytes} bytes copied, {seconds:.6} seconds")?;
    }
    Ok(0)
}

fn output(plan: &Plan, call: &Call) -> io::Result<Out> {
    let Some(path) = plan.to.as_deref().filter(|path| !path.starts_with("/dev/")) else {
        return open::write(plan.to.as_deref().unwrap_or("-"), open::Before::Replace, &call.streams);
    };
    let keep = plan.keep || plan.seek > 0;
    let mut file: File = about(path, OpenOptions::new().write(true).create(true).truncate(!keep).open(path))?;
    let start = plan.seek.saturating_mul(plan.block);
    file.seek(SeekFrom::Start(start))?;
    if !plan.keep && keep {
        file.set_len(start)?;
    }
    Ok(Out::new(file))
}

fn copy(plan: &Plan, input: &mut In, out: &mut Out) -> io::Result<(u64, u64, u64)> {
    let mut block = vec![0; usize::try_from(plan.block).expect("blocks are bounded")];
    let (mut whole, mut part, mut bytes) = (0, 0, 0);
    while plan.count.is_none_or(|count| whole + part < count) {
        // A short read is a record of its own, as for every dd.
        let read = input.read(&mut block)?;
        if read == 0 {
            break;
        }
        out.write_all(&block[..read])?;
        bytes += read as u64;
        if read == block.len() { whole += 1 } else { part += 1 }
    }
    Ok((whole, part, bytes))
}

fn plan(words: &[String]) -> io::Result<Plan> {
    let mut plan = Plan { block: 512, ..Plan::default() };
    for word in words {
        let Some((name, value)) = word.split_once('=') else { return fail(format_args!("unknown operand {word}")) };
        match (name, value) {
            ("if", path) => plan.from = Some(path.to_owned()),
            ("of", path) => plan.to = Some(path.to_owned()),
            ("bs" | "ibs" | "obs", size) => plan.block = bytes(size)?,
            ("count", count) => plan.count = Some(bytes(count)?),
            ("skip", count) => plan.skip = bytes(count)?,
            ("seek", count) => plan.seek = bytes(count)?,
            ("conv", "notrunc") => plan.keep = true,
            ("conv", "fsync") => {}
            ("status", "none") => plan.silent = true,
            _ => return fail(format_args!("unknown operand {word}")),
        }
    }
    if !(1..=BLOCK_BYTES_MAX).contains(&plan.block) {
        return fail(format_args!("bs: between 1 and {BLOCK_BYTES_MAX} bytes"));
    }
    Ok(plan)
}

/// A number with a unit: `4k` is 4096.
fn bytes(word: &str) -> io::Result<u64> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let unit = match &word[end..] {
        "" | "c" => 1,
        "b" => 512,
        "k" | "K" | "KiB" => 1 << 10,
        "kB" | "KB" => 1000,
        "M" | "MiB" => 1 << 20,
        "MB" => 1_000_000,
        "G" | "GiB" => 1 << 30,
        _ => return fail(format_args!("invalid number '{word}'")),
    };
    number::<u64>(&word[..end])?.checked_mul(unit).map_or_else(|| fail(format_args!("{word} is too large")), Ok)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn numbers_have_units() {
        assert_eq!((bytes("3").unwrap(), bytes("2k").unwrap(), bytes("1M").unwrap()), (3, 2048, 1 << 20));
        assert!(bytes("x").is_err() && bytes("99999999999G").is_err());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(plan(&["conv=swab".to_owned()]).is_err());
        assert!(plan(&["bs=0".to_owned()]).is_err());
    }
}
