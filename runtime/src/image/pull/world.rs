//! Decides whether a component can run here by the names of what it imports and exports, before it is fetched if its
//! registry tells them, else before it is stored.

use std::io::{BufRead, Seek};

use super::error::PullError;

/// The packages that this host provides, all of WASI 0.2.
const PACKAGES: &[&str] =
    &["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];
/// What makes a component a program.
const ENTRIES: &[&str] = &["wasi:cli/run@0.2.", "wasi:http/incoming-handler@0.2."];
/// Imports that a message lists.
const NAMED_MAX: usize = 5;
/// Names alone do not make a section bigger.
const SECTION_BYTES_MAX: u32 = 1 << 20;
/// Names in one section.
const NAMES_MAX: u32 = 4096;

const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
const IMPORTS: u8 = 10;
const EXPORTS: u8 = 11;

/// The interfaces of a component.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

// === impl World ===

impl World {
    /// Refuses what would not link.
    pub(crate) fn check(&self) -> Result<(), PullError> {
        let unknown: Vec<&str> = self.imports.iter().map(String::as_str).filter(|name| !is_provided(name)).collect();
        if !unknown.is_empty() {
            let named = unknown[..unknown.len().min(NAMED_MAX)].join(", ");
            return Err(PullError::Refused(format!("the component imports what Coracle does not provide: {named}")));
        }
        if !self.exports.iter().any(|name| ENTRIES.iter().any(|entry| name.starts_with(entry))) {
            return Err(PullError::Refused(
                "the component exports neither wasi:cli/run nor wasi:http/incoming-handler of WASI 0.2, so there is \
                 nothing to run"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Reads the names out of a component. `None` if it is a core module, or built in a way that only the compiler knows.
    pub(crate) fn read(mut component: impl BufRead + Seek) -> Option<Self> {
        let mut header = [0; HEADER.len()];
        component.read_exact(&mut header).ok()?;
        if header != *HEADER {
            return None;
        }
        let mut world = Self::default();
        let mut id = [0];
        while component.read(&mut id).ok()? == 1 {
            let size = section_size(&mut component)?;
            if !matches!(id[0], IMPORTS | EXPORTS) {
                component.seek_relative(size.into()).ok()?;
                continue;
            }
            if size > SECTION_BYTES_MAX {
                return None;
            }
            let mut section = vec![0; size as usize];
            component.read_exact(&mut section).ok()?;
            match id[0] {
                IMPORTS => names(&section, &mut world.imports)?,
                _ => export_names(&section, &mut world.exports)?,
            }
        }
        Some(world)
    }
}

/// `wasi:http/types@0.2.3` and the like.
fn is_provided(import: &str) -> bool {
    let Some((package, interface)) = import.split_once('/') else { return false };
    PACKAGES.contains(&package) && interface.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."))
}

fn section_size(component: &mut impl BufRead) -> Option<u32> {
    let mut bytes = Vec::with_capacity(5);
    for _ in 0..5 {
        let mut next = [0];
        component.read_exact(&mut next).ok()?;
        bytes.push(next[0]);
        if next[0] & 0x80 == 0 {
            break;
        }
    }
    number(&mut &bytes[..])
}

/// `import ::= name type`.
fn names(mut at: &[u8], into: &mut Vec<String>) -> Option<()> {
    for _ in 0..number(&mut at)?.min(NAMES_MAX) {
        into.push(name(&mut at)?);
        skip_type(&mut at)?;
    }
    Some(())
}

/// `export ::= name sort index type?`.
fn export_names(mut at: &[u8], into: &mut Vec<String>) -> Option<()> {
    for _ in 0..number(&mut at)?.min(NAMES_MAX) {
        into.push(name(&mut at)?);
        // A sort of the core has a second byte.
        if byte(&mut at)? == 0 {
            byte(&mut at)?;
        }
        number(&mut at)?;
        if byte(&mut at)? == 1 {
            skip_type(&mut at)?;
        }
    }
    Some(())
}

fn name(at: &mut &[u8]) -> Option<String> {
    // The kind of the name, which does not matter.
    byte(at)?;
    let length = number(at)? as usize;
    let text = std::str::from_utf8(at.get(..length)?).ok()?.to_owned();
    *at = &at[length..];
    Some(text)
}

fn skip_type(at: &mut &[u8]) -> Option<()> {
    match byte(at)? {
        // A core module's type, a value's bound: a byte, then an index.
        0x00 | 0x02 => drop((byte(at)?, number(at)?)),
        // A type is another one, which has an index, or any resource.
        0x03 => {
            if byte(at)? == 0 {
                number(at)?;
            }
        }
        0x01 | 0x04 | 0x05 => drop(number(at)?),
        _ => return None,
    }
    Some(())
}

fn byte(at: &mut &[u8]) -> Option<u8> {
    let (first, rest) = at.split_first()?;
    *at = rest;
    Some(*first)
}

/// LEB128.
fn number(at: &mut &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let next = byte(at)?;
        value |= u32::from(next & 0x7f).checked_shl(shift)?;
        if next & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn world(imports: &[&str], exports: &[&str]) -> World {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        World { imports: owned(imports), exports: owned(exports) }
    }

    fn read(bytes: &[u8]) -> Option<World> {
        World::read(std::io::Cursor::new(bytes))
    }

    #[test]
    fn every_package_that_we_provide_may_be_imported() {
        for package in PACKAGES {
            let import = format!("{package}/types@0.2.6");
            world(&[&import], &["wasi:cli/run@0.2.0"]).check().unwrap();
            let newer = format!("{package}/types@0.3.0");
            assert!(world(&[&newer], &["wasi:cli/run@0.2.0"]).check().is_err(), "{newer}");
        }
    }

    #[test]
    fn what_cannot_link_is_refused_by_name() {
        let run = "wasi:cli/run@0.2.0";
        let imports = ["wasi:io/streams@0.2.0", "fermyon:spin/redis", "env"];
        let message = world(&imports, &[run]).check().unwrap_err().to_string();
        assert!(message.ends_with("fermyon:spin/redis, env"), "{message}");
        assert!(world(&[], &["wasi:cli/run@0.3.0"]).check().is_err());
    }

    #[test]
    fn names_are_read_out_of_a_component() {
        let component = wat::parse_str(
            r#"(component
                (import "wasi:io/poll@0.2.0" (instance (export "pollable" (type (sub resource)))))
                (import "x:y/z@1.0.0" (instance))
                (core module $m (func (export "run")))
                (core instance $i (instantiate $m))
                (func $run (canon lift (core func $i "run")))
                (instance $it (export "run" (func $run)))
                (export "wasi:cli/run@0.2.0" (instance $it)))"#,
        )
        .unwrap();
        let found = read(&component).unwrap();
        assert_eq!(found, world(&["wasi:io/poll@0.2.0", "x:y/z@1.0.0"], &["wasi:cli/run@0.2.0"]));
        assert_eq!(read(b"\0asm\x01\0\0\0"), None);
        for length in 8..component.len() {
            read(&component[..length]);
        }
    }
}
