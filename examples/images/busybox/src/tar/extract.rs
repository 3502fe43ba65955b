//! Unpacks or lists an archive. Nothing is written outside the directory that it is meant for.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::header::{self, Header, Kind};
use super::{BLOCK_BYTES, Mode, Plan};
use crate::call::{Call, In, about, fail};
use crate::files::change::make_all;

/// A name or what pax says of a member is not longer.
const EXTENDED_BYTES_MAX: u64 = 1 << 20;

/// What special members said of the next one.
#[derive(Default)]
struct Said {
    name: Option<String>,
    target: Option<String>,
}

/// Does with each member what the plan says; 1 if some could not be made, or were asked for and are not there.
pub fn extract(call: &mut Call, plan: &Plan, archive: &mut In) -> io::Result<u8> {
    let mut said = Said::default();
    let mut code = 0;
    let mut missing: Vec<&String> = plan.words.iter().collect();
    while let Some(block) = next_block(archive)? {
        let Some(mut header) = header::read(&block)? else { break };
        if matches!(header.kind, Kind::LongName | Kind::LongTarget | Kind::Extended) {
            read_said(archive, &header, &mut said)?;
            continue;
        }
        let Said { name, target } = std::mem::take(&mut said);
        header.name = name.unwrap_or(header.name);
        header.target = target.unwrap_or(header.target);
        // Only files have content; what a directory says of its size is not followed by bytes.
        let size = if header.kind == Kind::File { header.size } else { 0 };
        let mut content = archive.clone().take(size);
        if chosen(&header.name, plan, &mut missing)
            && let Err(err) = member(call, plan, &header, &mut content)
        {
            if err.kind() == io::ErrorKind::BrokenPipe {
                return Err(err);
            }
            code = call.complain(format_args!("{}: {}", header.name, crate::call::reason(&err)));
        }
        let rest = content.limit() + (size.next_multiple_of(BLOCK_BYTES as u64) - size);
        io::copy(&mut archive.take(rest), &mut io::sink())?;
    }
    for word in missing {
        code = call.complain(format_args!("{word}: not found in archive"));
    }
    Ok(code)
}

/// The next block; `None` if the archive ends without the zeros that should be there, which every tar forgives.
fn next_block(archive: &mut In) -> io::Result<Option<[u8; BLOCK_BYTES]>> {
    let mut block = [0; BLOCK_BYTES];
    match archive.take(BLOCK_BYTES as u64).read_exact_or_end(&mut block)? {
        0 => Ok(None),
        BLOCK_BYTES => Ok(Some(block)),
        _ => fail("short read"),
    }
}

/// Reads until a buffer is full or there is no more.
trait ReadExactOrEnd {
    fn read_exact_or_end(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl<R: Read> ReadExactOrEnd for R {
    fn read_exact_or_end(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }
}

fn read_said(archive: &mut In, header: &Header, said: &mut Said) -> io::Result<()> {
    if header.size > EXTENDED_BYTES_MAX {
        return fail("a member's name is too long");
    }
    let mut bytes = Vec::new();
    archive.take(header.size.next_multiple_of(BLOCK_BYTES as u64)).read_to_end(&mut bytes)?;
    bytes.truncate(usize::try_from(header.size).expect("it is bounded"));
    match header.kind {
        Kind::LongName => said.name = Some(header::text(&bytes)),
        Kind::LongTarget => said.target = Some(header::text(&bytes)),
        _ => {
            said.name = header::extended(&bytes, "path").or(said.name.take());
            said.target = header::extended(&bytes, "linkpath").or(said.target.take());
        }
    }
    Ok(())
}

/// Whether a member is asked for: all are if none is named, and with a directory what is in it.
fn chosen(name: &str, plan: &Plan, missing: &mut Vec<&String>) -> bool {
    let name = name.trim_end_matches('/');
    let is_asked = |word: &str| {
        let word = word.trim_end_matches('/');
        name == word || name.strip_prefix(word).is_some_and(|rest| rest.starts_with('/'))
    };
    missing.retain(|word| !is_asked(word));
    plan.words.is_empty() || plan.words.iter().any(|word| is_asked(word))
}

fn member(call: &mut Call, plan: &Plan, header: &Header, content: &mut io::Take<In>) -> io::Result<()> {
    if plan.mode == Mode::List || plan.verbose {
        writeln!(call.streams.out, "{}", header.name)?;
    }
    if plan.mode == Mode::List {
        return Ok(());
    }
    if plan.to_output {
        return io::copy(content, &mut call.streams.out).map(|_| ());
    }
    let Some(path) = inside(&header.name, plan.strip)? else { return Ok(()) };
    let path = plan.directory.as_deref().unwrap_or(Path::new(".")).join(path);
    match header.kind {
        Kind::Directory => make_all(&path),
        Kind::File => file(&path, header, plan, content),
        Kind::SymbolicLink => fail(format_args!("symbolic link to {}: none can be made here", header.target)),
        Kind::HardLink => fail(format_args!("hard link to {}: not unpacked", header.target)),
        _ => fail("neither a file nor a directory"),
    }
}

fn file(path: &Path, header: &Header, plan: &Plan, content: &mut io::Take<In>) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        make_all(parent)?;
    }
    let mut file = about(path.display(), File::create(path))?;
    let copied = io::copy(content, &mut file)?;
    if copied < header.size {
        return fail("short read");
    }
    if plan.keep_time {
        file.set_modified(UNIX_EPOCH + Duration::from_secs(header.modified))?;
    }
    Ok(())
}

/// A member's path below the directory it is unpacked to; `None` if nothing is left of it.
fn inside(name: &str, strip: usize) -> io::Result<Option<PathBuf>> {
    let mut path = PathBuf::new();
    let mut parts = 0;
    for part in Path::new(name).components() {
        match part {
            Component::ParentDir => return fail("name contains '..'"),
            Component::Normal(part) => {
                parts += 1;
                if parts > strip {
                    path.push(part);
                }
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn nothing_leads_outside() {
        assert_eq!(inside("/etc/x", 0).unwrap(), Some("etc/x".into()));
        assert_eq!(inside("./a/b", 1).unwrap(), Some("b".into()));
        assert_eq!(inside("a/", 1).unwrap(), None);
        assert!(inside("a/../../b", 0).is_err());
    }
}
