//! The network: over `wasi:sockets`, which std's own types use.

pub mod httpd;
pub mod nc;
pub mod nslookup;
pub mod wget;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::call::fail;

/// All addresses of a name.
///
/// # Errors
/// It has none.
fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>) {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => fail(format_args!("bad address '{host}'")),
        Err(err) => fail(format_args!("bad address '{host}': {}", crate::call::reason(&err))),
    }
}
