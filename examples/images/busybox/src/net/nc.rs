//! `nc`: a connection with its two directions on the two streams.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use super::resolve;
use crate::call::{Call, fail};
use crate::clock::duration;
use crate::options::{number, options};
use crate::wasi::{self, Peer};

/// `nc`.
///
/// # Errors
/// An option is not known, or there is no connection.
pub fn nc(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "lp:nvzw:")?;
    let mut words = options.words.as_slice();
    if options.has('l') {
        let port = match (options.value('p'), words) {
            (Some(port), _) => port,
            (None, [port]) => port,
            _ => return fail("-l needs -p PORT"),
        };
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, number(port)?));
        wasi::relay(Peer::Accept(address), &mut call.streams)?;
        return Ok(0);
    }
    let port = match options.value('p') {
        Some(_) => return fail("-p without -l: the port of the caller is the node's choice"),
        None => match words.split_last() {
            Some((port, host)) => {
                words = host;
                number(port)?
            }
            None => return fail("expected HOST PORT"),
        },
    };
    let [host] = words else { return fail("expected HOST PORT") };
    let Some(address) = resolve(host, port)?.into_iter().next() else { return fail("no address") };
    if options.has('z') {
        let wait = options.value('w').map(duration).transpose()?;
        let probed =
            wait.map_or_else(|| TcpStream::connect(address), |wait| TcpStream::connect_timeout(&address, wait));
        probed?;
    } else {
        wasi::relay(Peer::Connect(address), &mut call.streams)?;
    }
    if options.has('v') {
        writeln!(call.streams.err, "{host} ({address}) open")?;
    }
    Ok(0)
}
