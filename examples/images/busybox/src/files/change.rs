//! Makes, copies, renames and removes files and directories.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::call::{Call, about, fail, reason};
use crate::options::options;

/// `touch`.
///
/// # Errors
/// An option is not known.
pub fn touch(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "c")?;
    each(call, &options.words, |path| {
        if !path.exists() && options.has('c') {
            return Ok(());
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        file.set_modified(SystemTime::now())
    })
}

/// `mkdir`.
///
/// # Errors
/// An option is not known.
pub fn mkdir(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "pm:")?;
    if options.has('m') {
        return fail("-m: a WebAssembly program knows no modes");
    }
    each(call, &options.words, |path| if options.has('p') { make_all(path) } else { fs::create_dir(path) })
}

/// Makes a directory and those above it. A host may say of a mounted directory that it is busy, not that it is there.
///
/// # Errors
/// One of them cannot be made.
pub fn make_all(path: &Path) -> io::Result<()> {
    if path.is_dir() { Ok(()) } else { fs::create_dir_all(path) }
}

/// `rmdir`.
///
/// # Errors
/// An option is not known.
pub fn rmdir(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "")?;
    each(call, &options.words, |path| fs::remove_dir(path))
}

/// `rm`.
///
/// # Errors
/// An option is not known.
pub fn rm(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "rRfv")?;
    let (whole, forced) = (options.has('r') || options.has('R'), options.has('f'));
    if options.words.is_empty() && forced {
        return Ok(0);
    }
    each(call, &options.words, |path| match fs::symlink_metadata(path) {
        Err(err) if forced && err.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(err),
        Ok(metadata) if metadata.is_dir() && whole => remove_tree(path),
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => fs::remove_file(path),
    })
}

/// Links are removed, not followed.
fn remove_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { remove_tree(&entry.path())? } else { fs::remove_file(entry.path())? }
    }
    fs::remove_dir(path)
}

/// `cp`.
///
/// # Errors
/// An option is not known, or there is nothing to copy.
pub fn cp(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "rRpaf")?;
    let whole = ['r', 'R', 'a'].into_iter().any(|letter| options.has(letter));
    onto(call, &options.words, |from, to| match fs::metadata(from)?.is_dir() {
        true if whole && to.starts_with(from) => fail("cannot copy a directory into itself"),
        true if whole => copy_tree(from, to),
        true => fail("omitting directory"),
        false => fs::copy(from, to).map(|_| ()),
    })
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    make_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, target) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() { copy_tree(&path, &target)? } else { fs::copy(&path, &target).map(|_| ())? }
    }
    Ok(())
}

/// `mv`: between two volumes it copies and removes.
///
/// # Errors
/// An option is not known, or there is nothing to move.
pub fn mv(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "f")?;
    onto(call, &options.words, |from, to| match fs::rename(from, to) {
        Err(err) if err.kind() == io::ErrorKind::CrossesDevices => match fs::metadata(from)?.is_dir() {
            true => copy_tree(from, to).and_then(|()| remove_tree(from)),
            false => fs::copy(from, to).and_then(|_| fs::remove_file(from)),
        },
        result => result,
    })
}

/// Does the same to each word; complains of each that fails.
fn each(call: &mut Call, words: &[String], action: impl Fn(&Path) -> io::Result<()>) -> io::Result<u8> {
    if words.is_empty() {
        return fail("missing operand");
    }
    let mut code = 0;
    for word in words {
        if let Err(err) = action(Path::new(word)) {
            code = call.complain(format_args!("{word}: {}", reason(&err)));
        }
    }
    Ok(code)
}

/// Does something from each word but the last to the last, or to a name in it if it is a directory.
fn onto(call: &mut Call, words: &[String], action: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<u8> {
    let Some((last, from)) = words.split_last().filter(|(_, from)| !from.is_empty()) else {
        return fail("missing operand");
    };
    let into = Path::new(last).is_dir();
    if from.len() > 1 && !into {
        return fail(format_args!("{last}: Not a directory"));
    }
    let mut code = 0;
    for word in from {
        let path = Path::new(word);
        let to: PathBuf = match path.file_name() {
            Some(name) if into => Path::new(last).join(name),
            _ => last.into(),
        };
        if let Err(err) = about(word, action(path, &to)) {
            code = call.complain(err);
        }
    }
    Ok(code)
}
