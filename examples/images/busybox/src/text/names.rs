//! Parts of paths.

use std::io::{self, Write};

use crate::call::{Call, fail};

/// `basename`.
///
/// # Errors
/// There is no path.
pub fn basename(call: &mut Call) -> io::Result<u8> {
    let [path, rest @ ..] = call.args else { return fail("missing operand") };
    let trimmed = path.trim_end_matches('/');
    let name = if trimmed.is_empty() && !path.is_empty() { "/" } else { trimmed.rsplit('/').next().unwrap_or(trimmed) };
    let suffix = rest.first().map_or("", String::as_str);
    let name = name.strip_suffix(suffix).filter(|stem| !stem.is_empty()).unwrap_or(name);
    writeln!(call.streams.out, "{name}")?;
    Ok(0)
}

/// `dirname`.
///
/// # Errors
/// There is no path.
pub fn dirname(call: &mut Call) -> io::Result<u8> {
    let [path] = call.args else { return fail("expected one path") };
    let parent = match path.trim_end_matches('/').rsplit_once('/') {
        Some((parent, _)) if !parent.trim_end_matches('/').is_empty() => parent.trim_end_matches('/'),
        Some(_) => "/",
        None if path.starts_with('/') => "/",
        None => ".",
    };
    writeln!(call.streams.out, "{parent}")?;
    Ok(0)
}
