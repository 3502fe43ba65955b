//! Decides what an address or a name means to the programs of one group.
//!
//! # Guarantees
//! - Of the host's own bindings programs see nothing: an address of the cluster reads as such on the way out and in.
//!   Addresses outside the cluster are dialed as they are, link-local ones never.
//! - 127.0.0.1 is the group's own loopback, never the host's.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::config::AddressMapping;
use crate::lookup::{Lookup, Lookups, TooMany};
use crate::spec::{Group, ServiceTable};

/// The table that `Runtime::set_services` swaps; loaded per call, so that running programs see changes.
pub(crate) type Services = Arc<RwLock<Arc<ServiceTable>>>;

/// Which table of services an address is looked up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// Why an address cannot be bound or reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is not the group's own.
    NotBindable,
    /// A service without endpoints.
    NoEndpoint,
    /// Never allowed: the host's link-local services.
    Denied,
}

/// How the host reaches what a program dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) to: SocketAddr,
    /// The address to dial from, if the other side may know this group by it.
    pub(crate) from: Option<IpAddr>,
}

/// The network as one program sees it.
#[derive(Debug)]
pub(crate) struct GroupNetwork {
    pub(crate) group: Arc<Group>,
    mapping: AddressMapping,
    services: Services,
    lookups: Arc<Lookups>,
    next_endpoint: AtomicUsize,
}

impl GroupNetwork {
    pub(crate) fn new(group: Arc<Group>, mapping: AddressMapping, services: Services, lookups: Arc<Lookups>) -> Self {
        // Programs that dial only once must not all dial the same endpoint.
        let mut hasher = DefaultHasher::new();
        group.id.hash(&mut hasher);
        let first = hasher.finish() as usize;
        Self { group, mapping, services, lookups, next_endpoint: AtomicUsize::new(first) }
    }

    /// What the host binds when a program binds `wanted`.
    pub(crate) fn bind(&self, wanted: SocketAddr) -> Result<SocketAddr, Refused> {
        let ip = wanted.ip();
        if !(ip.is_unspecified() || ip.is_loopback() || ip == self.group.ip) {
            return Err(Refused::NotBindable);
        }
        Ok(self.mapping.host_address(SocketAddr::new(self.group.ip, wanted.port())))
    }

    /// Where the host connects or sends when a program dials `wanted`: an endpoint, if it is a service.
    pub(crate) fn dial(&self, protocol: Protocol, wanted: SocketAddr) -> Result<Route, Refused> {
        let target = self.choose(protocol, wanted)?;
        let from = self.mapping.is_local(target.ip()).then(|| self.host_ip());
        Ok(Route { to: self.mapping.host_address(target), from })
    }

    fn choose(&self, protocol: Protocol, wanted: SocketAddr) -> Result<SocketAddr, Refused> {
        // `::ffff:127.0.0.1` is loopback, too: what the kernel would make of an address is what is judged.
        let ip = wanted.ip().to_canonical();
        let wanted = SocketAddr::new(ip, wanted.port());
        if ip.is_loopback() || ip.is_unspecified() {
            return Ok(SocketAddr::new(self.group.ip, wanted.port()));
        }
        if is_link_local(ip) {
            return Err(Refused::Denied);
        }
        let table = Arc::clone(&self.services.read());
        let services = match protocol {
            Protocol::Tcp => &table.tcp,
            Protocol::Udp => &table.udp,
        };
        let Some(endpoints) = services.get(&wanted) else { return Ok(wanted) };
        let turn = self.next_endpoint.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(endpoints.len()).map(|chosen| endpoints[chosen]).ok_or(Refused::NoEndpoint)
    }

    /// What a program sees of an address of the host: a peer, or what it is bound to.
    pub(crate) fn seen(&self, host: SocketAddr) -> SocketAddr {
        self.mapping.guest_address(host)
    }

    /// The host's address for the group's own.
    pub(crate) fn host_ip(&self) -> IpAddr {
        self.mapping.host_address(SocketAddr::new(self.group.ip, 0)).ip()
    }

    /// The addresses of a name of the cluster; empty if the cluster has no such name.
    pub(crate) fn resolve(&self, name: &str) -> Vec<IpAddr> {
        if let Ok(ip) = name.trim_matches(['[', ']']).parse() {
            return vec![ip];
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" || name == self.group.hostname {
            return vec![self.group.ip];
        }
        let table = Arc::clone(&self.services.read());
        let found =
            candidates(&name, &self.group.namespace).into_iter().find_map(|name| table.names.get(&name).cloned());
        found.map_or_else(Vec::new, |addresses| addresses.to_vec())
    }

    /// Asks the host's resolver for a name that the cluster does not have.
    pub(crate) fn ask(&self, name: &str) -> Result<Lookup, TooMany> {
        self.lookups.ask(&self.group.id, name)
    }
}

/// The names of the table that `name` may mean, in the order of a pod's search list. The table has no cluster domain.
fn candidates(name: &str, namespace: &str) -> Vec<String> {
    let short = name.strip_suffix(".svc.cluster.local").or_else(|| name.strip_suffix(".svc")).unwrap_or(name);
    if short.len() < name.len() {
        return vec![short.to_owned()];
    }
    vec![format!("{name}.{namespace}"), name.to_owned()]
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::collections::HashMap;

    use super::*;

    const ANY_IP: AddressMapping =
        AddressMapping::AnyIp { network: std::net::Ipv4Addr::new(10, 42, 0, 0), prefix_len: 18 };

    fn network(mapping: AddressMapping) -> GroupNetwork {
        let group = Group {
            id: "g".to_owned(),
            ip: "10.42.0.7".parse().unwrap(),
            namespace: "default".to_owned(),
            hostname: "pod".to_owned(),
        };
        let endpoints: Arc<[SocketAddr]> = ["10.42.0.8:80", "10.42.0.9:80"].map(|a| a.parse().unwrap()).into();
        let table = ServiceTable {
            tcp: HashMap::from([
                ("10.43.0.1:80".parse().unwrap(), endpoints),
                ("10.43.0.2:80".parse().unwrap(), Arc::new([]) as Arc<[SocketAddr]>),
            ]),
            udp: HashMap::new(),
            names: HashMap::from([("web.default".to_owned(), ["10.43.0.1".parse().unwrap()].into())]),
        };
        GroupNetwork::new(Arc::new(group), mapping, Arc::new(RwLock::new(Arc::new(table))), Arc::default())
    }

    fn dial(network: &GroupNetwork, wanted: &str) -> Result<String, Refused> {
        network.dial(Protocol::Tcp, wanted.parse().unwrap()).map(|route| route.to.to_string())
    }

    #[test]
    fn a_group_binds_only_its_own_address() {
        let network = network(ANY_IP);
        for wanted in ["0.0.0.0:80", "127.0.0.1:80", "10.42.0.7:80", "[::]:80"] {
            assert_eq!(network.bind(wanted.parse().unwrap()).unwrap().to_string(), "10.42.0.7:80");
        }
        assert_eq!(network.bind("10.42.0.8:80".parse().unwrap()), Err(Refused::NotBindable));
    }

    #[test]
    fn services_take_turns_and_link_local_is_denied() {
        let network = network(ANY_IP);
        let mut dialed = [(); 4].map(|()| dial(&network, "10.43.0.1:80").unwrap());
        dialed.sort();
        assert_eq!(dialed, ["10.42.0.8:80", "10.42.0.8:80", "10.42.0.9:80", "10.42.0.9:80"]);
        assert_eq!(dial(&network, "10.43.0.2:80"), Err(Refused::NoEndpoint));
        assert_eq!(dial(&network, "10.43.0.1:81").unwrap(), "10.43.0.1:81");
        assert_eq!(dial(&network, "127.0.0.1:81").unwrap(), "10.42.0.7:81");
        let own = network.dial(Protocol::Tcp, "127.0.0.1:81".parse().unwrap()).unwrap();
        assert_eq!(own.from, Some(network.group.ip));
        assert_eq!(network.dial(Protocol::Tcp, "192.0.2.1:81".parse().unwrap()).unwrap().from, None);
        assert_eq!(dial(&network, "169.254.169.254:80"), Err(Refused::Denied));
        assert_eq!(dial(&network, "[::ffff:127.0.0.1]:81").unwrap(), "10.42.0.7:81");
        assert_eq!(dial(&network, "[::ffff:169.254.169.254]:80"), Err(Refused::Denied));
    }

    #[test]
    fn twins_are_never_seen() {
        let twin =
            AddressMapping::Twin { network: [10, 42, 0, 0].into(), prefix_len: 18, second: 99, shift_low_ports: true };
        let network = network(twin);
        let bound = network.bind("0.0.0.0:80".parse().unwrap()).unwrap();
        assert_eq!(bound.to_string(), "127.99.0.7:20080");
        assert_eq!(network.seen(bound).to_string(), "10.42.0.7:80");
        assert!(dial(&network, "10.43.0.1:80").unwrap().starts_with("127.99.0."));
        assert_eq!(dial(&network, "10.42.0.8:80").unwrap(), "127.99.0.8:20080");
    }

    #[test]
    fn names_follow_the_search_list() {
        let network = network(ANY_IP);
        for name in ["web", "web.default", "web.default.svc", "WEB.default.svc.cluster.local.", "10.43.0.1"] {
            assert_eq!(network.resolve(name), ["10.43.0.1".parse::<IpAddr>().unwrap()], "{name}");
        }
        assert_eq!(network.resolve("localhost"), [network.group.ip]);
        for name in ["", "web.other", "web.svc.cluster.local", "example.com"] {
            assert_eq!(network.resolve(name), Vec::<IpAddr>::new(), "{name}");
        }
    }
}
