//! Writes an archive of files and of what is in directories.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use super::header::{self, Header, Kind};
use super::{BLOCK_BYTES, Plan};
use crate::call::{Call, Out, about, fail, reason};
use crate::clock::seconds_of;

/// Writes what the plan names; 1 if some of it could not be read.
pub fn create(call: &mut Call, plan: &Plan, archive: &mut Out) -> io::Result<u8> {
    if plan.words.is_empty() {
        return fail("an empty archive is not made");
    }
    let base = plan.directory.clone().unwrap_or_default();
    let mut code = 0;
    for word in &plan.words {
        // As every tar, lest unpacking leaves the directory that it is meant for.
        let name = word.trim_start_matches('/');
        let name = if name.is_empty() { "." } else { name };
        add(call, plan, archive, &base.join(word), name, &mut code)?;
    }
    archive.write_all(&[0; 2 * BLOCK_BYTES])?;
    archive.flush()?;
    Ok(code)
}

fn add(call: &mut Call, plan: &Plan, archive: &mut Out, path: &Path, name: &str, code: &mut u8) -> io::Result<()> {
    // Links are followed: mounted configuration is made of links, and none could be unpacked here.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(err) => {
            *code = call.complain(format_args!("{}: {}", path.display(), reason(&err)));
            return Ok(());
        }
    };
    if plan.verbose {
        writeln!(call.streams.err, "{name}")?;
    }
    let modified = metadata.modified().map_or(0, |time| u64::try_from(seconds_of(time)).unwrap_or(0));
    let target = String::new();
    if !metadata.is_dir() {
        let size = metadata.len();
        let header = Header { name: name.to_owned(), kind: Kind::File, size, modified, target };
        return add_file(archive, path, &header);
    }
    let header = Header { name: format!("{name}/"), kind: Kind::Directory, size: 0, modified, target };
    archive.write_all(&header::written(&header))?;
    let mut entries = about(path.display(), fs::read_dir(path))?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        add(call, plan, archive, &entry.path(), &name, code)?;
    }
    Ok(())
}

fn add_file(archive: &mut Out, path: &Path, header: &Header) -> io::Result<()> {
    let file = about(path.display(), File::open(path))?;
    archive.write_all(&header::written(header))?;
    // The header says how many bytes come: what a file grew by meanwhile stays out, what it lost is an error.
    let copied = io::copy(&mut file.take(header.size), archive)?;
    if copied < header.size {
        return fail(format_args!("{}: file changed as we read it", path.display()));
    }
    let padding = (copied.next_multiple_of(BLOCK_BYTES as u64) - copied) as usize;
    archive.write_all(&[0; BLOCK_BYTES][..padding])
}
