//! `nslookup`: asks the host, which is all that WASI offers; there is no server to name and no record to choose.

use std::io::{self, Write};

use super::resolve;
use crate::call::{Call, fail};

/// `nslookup`.
///
/// # Errors
/// The name has no address.
pub fn nslookup(call: &mut Call) -> io::Result<u8> {
    let [name] = call.args else { return fail("expected one name") };
    let found = resolve(name, 0)?;
    writeln!(call.streams.out, "Name:\t{name}")?;
    for address in found {
        writeln!(call.streams.out, "Address: {}", address.ip())?;
    }
    Ok(0)
}
