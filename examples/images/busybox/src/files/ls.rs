//! `ls`: what is in a directory.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::Path;

use crate::call::{Call, about, reason};
use crate::clock::{formatted, seconds_of};
use crate::options::{Options, options};

/// `ls`: one name a line, for there is no terminal whose width could be known.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn ls(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "aAl1dRhF")?;
    let here = [".".to_owned()];
    let words = if options.words.is_empty() { &here[..] } else { &options.words };
    let mut code = 0;
    let mut directories = Vec::new();
    for word in words {
        match fs::symlink_metadata(word) {
            Ok(metadata) if followed(word, &metadata, &options) => directories.push(word.clone()),
            Ok(metadata) => line(call, &options, word, Path::new(word), &metadata)?,
            Err(err) => code = call.complain(format_args!("{word}: {}", reason(&err))),
        }
    }
    let titled = words.len() > 1 || options.has('R');
    for (at, directory) in directories.iter().enumerate() {
        if titled {
            writeln!(
                call.streams.out,
                "{}{directory}:",
                if at > 0 || words.len() > directories.len() { "\n" } else { "" }
            )?;
        }
        match list(call, &options, directory) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => return Err(err),
            Err(err) => code = call.complain(err),
        }
    }
    Ok(code)
}

/// Whether a word stands for what is in it.
fn followed(word: &str, metadata: &Metadata, options: &Options) -> bool {
    !options.has('d')
        && (metadata.is_dir()
            || metadata.is_symlink() && !options.has('l') && fs::metadata(word).is_ok_and(|target| target.is_dir()))
}

fn list(call: &mut Call, options: &Options, directory: &str) -> io::Result<()> {
    let mut names = about(directory, names(directory, options))?;
    names.sort();
    let mut below = Vec::new();
    for name in names {
        let path = Path::new(directory).join(&name);
        // Nobody may look above the root, whose `..` is itself.
        let above = if name == ".." { fs::symlink_metadata(directory) } else { Err(io::ErrorKind::NotFound.into()) };
        let metadata = fs::symlink_metadata(&path).or_else(|err| above.map_err(|_| err))?;
        line(call, options, &name, &path, &metadata)?;
        if options.has('R') && metadata.is_dir() && name != "." && name != ".." {
            below.push(path.to_string_lossy().into_owned());
        }
    }
    for directory in below {
        writeln!(call.streams.out, "\n{directory}:")?;
        list(call, options, &directory)?;
    }
    Ok(())
}

fn names(directory: &str, options: &Options) -> io::Result<Vec<String>> {
    let hidden = options.has('a') || options.has('A');
    let mut names = Vec::new();
    if options.has('a') {
        names.extend([".".to_owned(), "..".to_owned()]);
    }
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if hidden || !name.starts_with('.') {
            names.push(name);
        }
    }
    Ok(names)
}

fn line(call: &mut Call, options: &Options, name: &str, path: &Path, metadata: &Metadata) -> io::Result<()> {
    let out = &mut call.streams.out;
    let mark = match () {
        () if !options.has('F') => "",
        () if metadata.is_dir() => "/",
        () if metadata.is_symlink() => "@",
        () => "",
    };
    if !options.has('l') {
        return writeln!(out, "{name}{mark}");
    }
    let sign = match () {
        () if metadata.is_dir() => 'd',
        () if metadata.is_symlink() => 'l',
        () => '-',
    };
    let size = if options.has('h') { short(metadata.len()) } else { metadata.len().to_string() };
    let time = metadata.modified().map_or_else(|_| "?".to_owned(), |at| formatted(seconds_of(at), "%b %e %H:%M %Y"));
    let target = fs::read_link(path).map_or_else(|_| String::new(), |target| format!(" -> {}", target.display()));
    // WASI knows no modes, link counts and owners. `?` is how ls says so.
    writeln!(out, "{sign}?????????    ? ?        ?        {size:>9} {time} {name}{mark}{target}")
}

/// A size with a unit.
pub fn short(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["", "K", "M", "G"] {
        if size < 1024.0 {
            return if unit.is_empty() { bytes.to_string() } else { format!("{size:.1}{unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1}T")
}
