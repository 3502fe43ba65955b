//! Host ports: listeners on this host's addresses that lead to ports of a sandbox. They end with their value.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::cri::error::Error;
use crate::cri::message::PortMapping;
use crate::cri::service::Service;

/// Connections through one port at the same time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// How long a program may take to accept one.
const DIAL: Duration = Duration::from_secs(10);
/// How long to wait when the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// The open host ports of one sandbox; `None` where it has none, as most.
pub(in crate::cri) type HostPorts = Option<JoinSet<()>>;

/// Opens the host ports of a sandbox at `ip`.
pub(super) async fn open(service: &Service, ip: Ipv4Addr, mappings: &[PortMapping]) -> Result<HostPorts, Error> {
    let mut ports = JoinSet::new();
    for mapping in mappings.iter().filter(|it| it.host_port != 0) {
        let from = SocketAddr::new(host_ip(&mapping.host_ip)?, port(mapping.host_port)?);
        let to = service.runtime.host_address(SocketAddr::new(ip.into(), port(mapping.container_port)?));
        let listener = TcpListener::bind(from).await;
        let listener = listener.map_err(|err| Error::State(format!("host port {from} cannot be opened: {err}")))?;
        ports.spawn(forward(listener, to));
    }
    Ok(Some(ports).filter(|it| !it.is_empty()))
}

fn host_ip(text: &str) -> Result<IpAddr, Error> {
    if text.is_empty() {
        return Ok(Ipv4Addr::UNSPECIFIED.into());
    }
    text.parse().map_err(|_| Error::Invalid(format!("the address of a host port is none: {text}")))
}

fn port(number: i32) -> Result<u16, Error> {
    let port = u16::try_from(number).ok().filter(|it| *it != 0);
    port.ok_or_else(|| Error::Invalid(format!("a port mapping has no such port: {number}")))
}

async fn forward(listener: TcpListener, to: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((client, _)) => drop(connections.spawn(carry(client, to))),
                Err(err) => {
                    tracing::warn!(%err, "could not accept on a host port");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, to: SocketAddr) {
    let Ok(Ok(mut program)) = tokio::time::timeout(DIAL, TcpStream::connect(to)).await else { return };
    // Either side may hang up when it likes.
    let _ = copy_bidirectional(&mut client, &mut program).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_or_port_is_refused() {
        assert!(host_ip("").is_ok_and(|it| it.is_unspecified()));
        assert!(host_ip("127.0.0.1").is_ok_and(|it| it.is_loopback()));
        assert!(host_ip("localhost").is_err());
        assert!(port(80).is_ok_and(|it| it == 80));
        assert!([0, -1, 65536].into_iter().all(|it| port(it).is_err()));
    }
}
