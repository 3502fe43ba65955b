//! `stat` and `du`: what WASI tells of files, and a `?` for what it does not.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::Path;

use crate::call::{Call, reason};
use crate::clock::{formatted, seconds_of};
use crate::files::ls::short;
use crate::options::options;

const KIB: u64 = 1 << 10;

/// `stat`.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn stat(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "c:L")?;
    let mut code = 0;
    for word in &options.words {
        let metadata = if options.has('L') { fs::metadata(word) } else { fs::symlink_metadata(word) };
        match metadata {
            Ok(metadata) => {
                let text = described(word, &metadata, options.value('c'));
                writeln!(call.streams.out, "{text}")?;
            }
            Err(err) => code = call.complain(format_args!("can't stat '{word}': {}", reason(&err))),
        }
    }
    Ok(code)
}

fn described(name: &str, metadata: &Metadata, form: Option<&str>) -> String {
    let kind = match () {
        () if metadata.is_dir() => "directory",
        () if metadata.is_symlink() => "symbolic link",
        () if metadata.len() == 0 => "regular empty file",
        () => "regular file",
    };
    let seconds = metadata.modified().map(seconds_of).ok();
    let time = seconds.map_or_else(|| "?".to_owned(), |at| formatted(at, "%F %T +0000"));
    let Some(form) = form else {
        return format!(
            "  File: {name}\n  Size: {}\t{kind}\nAccess: (?)  Uid: (?)  Gid: (?)\nModify: {time}",
            metadata.len()
        );
    };
    let mut text = String::new();
    let mut signs = form.chars();
    while let Some(sign) = signs.next() {
        match (sign, if sign == '%' { signs.next() } else { None }) {
            ('%', Some('n')) => text += name,
            ('%', Some('s')) => text += &metadata.len().to_string(),
            ('%', Some('F')) => text += kind,
            ('%', Some('y')) => text += &time,
            ('%', Some('Y')) => text += &seconds.map_or_else(|| "?".to_owned(), |at| at.to_string()),
            ('%', Some('%')) => text.push('%'),
            // Modes, owners and devices.
            ('%', Some(_)) => text.push('?'),
            (sign, _) => text.push(sign),
        }
    }
    text
}

/// `du`: sums of sizes rounded up to KiB, since WASI does not tell what a file takes on its disk.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn du(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "skh")?;
    let here = [".".to_owned()];
    let mut code = 0;
    for word in if options.words.is_empty() { &here[..] } else { &options.words } {
        let mut sums = Vec::new();
        match sum(Path::new(word), &mut sums) {
            Ok(total) if options.has('s') || sums.is_empty() => sums = vec![(total, word.clone())],
            Ok(_) => {}
            Err(err) => code = call.complain(format_args!("{word}: {}", reason(&err))),
        }
        for (kib, path) in sums {
            let size = if options.has('h') { short(kib * KIB) } else { kib.to_string() };
            writeln!(call.streams.out, "{size}\t{path}")?;
        }
    }
    Ok(code)
}

/// The size of what is at or below a path in KiB; each directory's is noted.
fn sum(path: &Path, sums: &mut Vec<(u64, String)>) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len().div_ceil(KIB));
    }
    let mut total = 0;
    for entry in fs::read_dir(path)? {
        total += sum(&entry?.path(), sums)?;
    }
    sums.push((total, path.to_string_lossy().into_owned()));
    Ok(total)
}
