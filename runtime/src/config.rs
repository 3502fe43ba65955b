//! What the runtime is told once, at start.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The first port that needs no privilege on a default Linux.
const PORT_UNPRIVILEGED_MIN: u16 = 1024;

/// Where `AddressMapping::Twin` puts privileged ports when it may not bind them: 80 becomes 20080.
const PORT_SHIFT: u16 = 20_000;

/// Said once by whoever composes the process.
#[derive(Clone, Debug)]
pub struct Config {
    /// Images and compiled artifacts live in `images` and `artifacts` below it.
    pub data_dir: PathBuf,
    /// The command that compiles one module, to which arguments are appended: this program's path and the hidden
    /// subcommand that calls `compile_main`.
    pub compiler: Vec<OsString>,
    /// How group addresses become addresses that this host can bind.
    pub address_mapping: AddressMapping,
}

/// How the addresses that programs see become addresses that this host can bind and dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressMapping {
    /// The host has a local route for the whole network (`ip route add local CIDR dev lo`): they are the same.
    AnyIp {
        /// The network of the groups.
        network: Ipv4Addr,
        /// Prefix length of `network`.
        prefix_len: u8,
    },
    /// Without the privilege to add that route, each address has a private twin in 127/8.
    Twin {
        /// The network of the groups; its addresses have twins, others are themselves.
        network: Ipv4Addr,
        /// Prefix length of `network`, at least 16.
        prefix_len: u8,
        /// The second byte of the twins: 10.42.x.y becomes 127.`second`.x.y.
        second: u8,
        /// Whether ports below 1024 must move up by 20000, for want of CAP_NET_BIND_SERVICE.
        shift_low_ports: bool,
    },
}

impl AddressMapping {
    /// Where the host binds or dials what programs know as `address`.
    pub fn host_address(self, address: SocketAddr) -> SocketAddr {
        match (self, address.ip()) {
            (Self::Twin { network, prefix_len, second, shift_low_ports }, IpAddr::V4(ip))
                if in_network(ip, network, prefix_len) =>
            {
                let [_, _, c, d] = ip.octets();
                let low = shift_low_ports && (1..PORT_UNPRIVILEGED_MIN).contains(&address.port());
                let port = if low { address.port() + PORT_SHIFT } else { address.port() };
                SocketAddr::new(Ipv4Addr::new(127, second, c, d).into(), port)
            }
            (Self::AnyIp { .. } | Self::Twin { .. }, _) => address,
        }
    }

    /// Whether an address that programs know is one of a group on this host. Only these are dialed from the group's own
    /// address: the answer from anywhere else could not find its way back.
    pub fn is_local(self, ip: IpAddr) -> bool {
        let (Self::AnyIp { network, prefix_len } | Self::Twin { network, prefix_len, .. }) = self;
        match ip {
            IpAddr::V4(ip) => in_network(ip, network, prefix_len),
            IpAddr::V6(_) => false,
        }
    }

    /// What programs know as the host's `address`: the inverse of `host_address`.
    pub fn guest_address(self, address: SocketAddr) -> SocketAddr {
        match (self, address.ip()) {
            (Self::Twin { network, second, shift_low_ports, .. }, IpAddr::V4(ip))
                if ip.octets()[..2] == [127, second] =>
            {
                let ([a, b, _, _], [_, _, c, d]) = (network.octets(), ip.octets());
                let shifted = PORT_SHIFT..PORT_SHIFT + PORT_UNPRIVILEGED_MIN;
                let low = shift_low_ports && shifted.contains(&address.port());
                let port = if low { address.port() - PORT_SHIFT } else { address.port() };
                SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port)
            }
            (Self::AnyIp { .. } | Self::Twin { .. }, _) => address,
        }
    }
}

fn in_network(ip: Ipv4Addr, network: Ipv4Addr, prefix_len: u8) -> bool {
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix_len.into())).unwrap_or(0);
    u32::from(ip) & mask == u32::from(network) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWIN: AddressMapping = AddressMapping::Twin {
        network: Ipv4Addr::new(10, 42, 0, 0),
        prefix_len: 18,
        second: 77,
        shift_low_ports: true,
    };

    fn address(ip: [u8; 4], port: u16) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::from(ip).into(), port)
    }

    #[test]
    fn a_twin_maps_there_and_back() {
        for port in [1, 80, 1023, 1024, 8080, 65535] {
            let guest = address([10, 42, 3, 4], port);
            let host = TWIN.host_address(guest);
            assert_eq!(host.ip().to_string(), "127.77.3.4");
            assert!(host.port() >= PORT_UNPRIVILEGED_MIN);
            assert_eq!(TWIN.guest_address(host), guest);
        }
    }

    #[test]
    fn addresses_outside_the_network_are_themselves() {
        for other in [address([10, 42, 64, 1], 80), address([192, 0, 2, 1], 80), address([127, 0, 0, 1], 80)] {
            assert_eq!(TWIN.host_address(other), other);
            assert_eq!(TWIN.guest_address(other), other);
        }
    }
}
