//! Decides how this host binds the addresses of pods and Services: as they are, if the kernel lets it, else as twins.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::str::FromStr;

use runtime::AddressMapping;
use tokio::process::Command;

/// Second bytes of the twins' networks: pods have an even one, Services the next.
const TWINS_FIRST: u8 = 64;
const TWINS: u64 = 90;

/// A network: its first address and how many bits are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The first address.
    pub network: Ipv4Addr,
    /// Fixed bits, 16 to 32.
    pub prefix_len: u8,
}

/// What is wrong with a network in text.
#[derive(Debug, thiserror::Error)]
#[error("not an IPv4 network with a prefix of 16 to 32 bits: {0}")]
pub struct CidrError(String);

/// How this host binds the addresses of pods and Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Those of pods.
    pub pods: AddressMapping,
    /// Those of Services.
    pub services: AddressMapping,
}

// === impl Cidr ===

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let parse = || {
            let (network, prefix_len) = text.split_once('/')?;
            let (network, prefix_len): (Ipv4Addr, u8) = (network.parse().ok()?, prefix_len.parse().ok()?);
            let host_bits = u32::MAX.checked_shr(u32::from(prefix_len)).unwrap_or(0);
            ((16..=32).contains(&prefix_len) && u32::from(network) & host_bits == 0)
                .then_some(Self { network, prefix_len })
        };
        parse().ok_or_else(|| CidrError(text.to_owned()))
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}

impl Cidr {
    /// Its second address.
    fn first_host(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network) | u32::from(self.prefix_len < 32))
    }
}

/// How addresses are wanted on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// As they are, if this process may add a local route for them; else as twins.
    AsTheyAre,
    /// As twins in 127/8.
    AsTwins,
}

/// Makes the addresses of pods and Services bindable. Twins are the same whenever the same data directory is used.
pub async fn prepare(pods: Cidr, services: Cidr, data_dir: &Path, bind: Bind) -> Network {
    let second = twin_of(data_dir);
    Network { pods: prepare_one(pods, second, bind).await, services: prepare_one(services, second + 1, bind).await }
}

/// Makes the addresses of pods bindable, for a node whose Services are someone else's business.
pub async fn prepare_pods(pods: Cidr, data_dir: &Path, bind: Bind) -> AddressMapping {
    prepare_one(pods, twin_of(data_dir), bind).await
}

/// The second byte of the twins of a data directory's pods.
fn twin_of(data_dir: &Path) -> u8 {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(data_dir);
    TWINS_FIRST + 2 * u8::try_from(hash % TWINS).expect("less than 90")
}

async fn prepare_one(cidr: Cidr, second: u8, bind: Bind) -> AddressMapping {
    match bind {
        Bind::AsTheyAre => route_or_twins(cidr, second).await,
        Bind::AsTwins => twins(cidr, second),
    }
}

async fn route_or_twins(cidr: Cidr, second: u8) -> AddressMapping {
    let any_ip = AddressMapping::AnyIp { network: cidr.network, prefix_len: cidr.prefix_len };
    if bindable(cidr.first_host(), 0).is_ok() {
        return any_ip;
    }
    let route = ["route", "replace", "local", &cidr.to_string(), "dev", "lo"].map(str::to_owned);
    let added = Command::new("ip").args(route).kill_on_drop(true).output().await;
    if added.is_ok_and(|it| it.status.success()) && bindable(cidr.first_host(), 0).is_ok() {
        tracing::info!(%cidr, "routed to this host");
        return any_ip;
    }
    tracing::info!(%cidr, second, "mapped to twins in 127/8, for want of CAP_NET_ADMIN");
    twins(cidr, second)
}

fn twins(cidr: Cidr, second: u8) -> AddressMapping {
    let denied = |err: io::Error| err.kind() == ErrorKind::PermissionDenied;
    let shift_low_ports = bindable(Ipv4Addr::new(127, second, 0, 1), 1).is_err_and(denied);
    AddressMapping::Twin { network: cidr.network, prefix_len: cidr.prefix_len, second, shift_low_ports }
}

fn bindable(ip: Ipv4Addr, port: u16) -> io::Result<()> {
    TcpListener::bind(SocketAddr::new(ip.into(), port)).map(drop)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn networks_are_read_strictly() {
        let cidr: Cidr = "10.42.64.0/18".parse().unwrap();
        assert_eq!((cidr.to_string().as_str(), cidr.first_host()), ("10.42.64.0/18", Ipv4Addr::new(10, 42, 64, 1)));
        for text in ["10.42.64.0", "10.42.64.1/18", "10.0.0.0/8", "10.0.0.0/33", "fd00::/64", ""] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
