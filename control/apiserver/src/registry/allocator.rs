//! Hands out what services need and nobody may have twice: cluster IPs and node ports.
//!
//! # Flow
//! A [`Claim`] takes values for one request; the store takes the object; `commit` keeps them. A claim that is dropped
//! gives them back: failed requests and dry runs leave no trace. Nothing is persisted: services say themselves what
//! they hold, and are read once, before the first claim.
//!
//! # Guarantees
//! Values are handed out from the upper band of a range first, so that clients which choose for themselves find the
//! lower band free (upstream's `ServiceIPStaticSubrange`). A value that was given back is the last to be handed out again.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::error::Failure;
use crate::object::Fields;
use crate::registry::strategy::Allocation;
use crate::registry::{Registry, range::Range};
use crate::validation::ip;

/// The cluster IPs of a server that is not told otherwise.
pub const SERVICE_CIDR: &str = "10.96.0.0/16";
/// The first and the last node port.
pub const NODE_PORTS: (u16, u16) = (30000, 32767);

/// A larger range is cut off: it would only cost memory.
const ADDRESSES_MAX: u32 = 1 << 20;

/// Why a value was not handed out, in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody has it.
    #[error("already allocated")]
    Taken,
    /// It is not in the range.
    #[error("not in the valid range")]
    Outside,
    /// Everything is taken.
    #[error("range is full")]
    Full,
}

/// The addresses of one family.
struct Family {
    is_ipv4: bool,
    range: Range,
}

/// Everything that is handed out to services.
pub struct Allocators {
    /// The first is the default family.
    families: Mutex<Vec<Family>>,
    ports: Mutex<Range>,
    loaded: OnceCell<()>,
}

// === impl Allocators ===

impl Allocators {
    /// For these CIDRs, one per family, the default family first. What is no CIDR is left out.
    pub fn new(cidrs: &[&str]) -> Arc<Allocators> {
        let families = cidrs.iter().filter_map(|text| ip::parse_cidr(text)).map(family).collect();
        let (first, last) = NODE_PORTS;
        let count = u32::from(last - first) + 1;
        let ports = Range::new(u128::from(first), count, (count / 32).clamp(16, 128));
        Arc::new(Allocators { families: Mutex::new(families), ports: Mutex::new(ports), loaded: OnceCell::new() })
    }

    /// The families that the cluster has, the default one first: `IPv4`, `IPv6`.
    pub fn families(&self) -> Vec<&'static str> {
        self.families.lock().iter().map(|family| family_name(family.is_ipv4)).collect()
    }

    /// The first address of the default family: that of the API server's own service.
    pub fn first_address(&self) -> Option<IpAddr> {
        self.families.lock().first().map(|family| address(family.is_ipv4, family.range.first()))
    }

    /// Takes what the stored services hold. The first call reads them, others wait for it or do nothing.
    ///
    /// # Errors
    /// Only when the store is unavailable.
    pub async fn load(&self, registry: &Registry) -> Result<(), Failure> {
        let load = || async {
            for service in registry.list("core/services", "").await? {
                self.hold(&service);
            }
            Ok(())
        };
        self.loaded.get_or_try_init(load).await.copied()
    }

    /// Takes what a service holds; what is taken already or out of range is left alone.
    fn hold(&self, service: &serde_json::Value) {
        for held in addresses(service) {
            let _ = self.take_address(held);
        }
        for held in node_ports(service) {
            let _ = self.ports.lock().take(u128::from(held));
        }
    }

    /// Gives back what a service held.
    pub fn release(&self, service: &serde_json::Value) {
        addresses(service).into_iter().for_each(|held| self.release_address(held));
        node_ports(service).into_iter().for_each(|held| self.ports.lock().release(u128::from(held)));
    }

    fn take_address(&self, wanted: IpAddr) -> Result<(), Refusal> {
        let mut families = self.families.lock();
        let family = families.iter_mut().find(|family| family.is_ipv4 == wanted.is_ipv4());
        family.ok_or(Refusal::Outside)?.range.take(number(wanted))
    }

    fn release_address(&self, held: IpAddr) {
        let mut families = self.families.lock();
        if let Some(family) = families.iter_mut().find(|family| family.is_ipv4 == held.is_ipv4()) {
            family.range.release(number(held));
        }
    }
}

fn family((start, bits): (IpAddr, u8)) -> Family {
    let is_ipv4 = start.is_ipv4();
    let host_bits = (if is_ipv4 { 32 } else { 128 }) - u32::from(bits);
    let size = 1u128.checked_shl(host_bits).unwrap_or(u128::MAX);
    let network = number(start) & !(size - 1);
    // Neither the network's own address nor IPv4's broadcast address.
    let usable = size.saturating_sub(if is_ipv4 { 2 } else { 1 });
    let count = u32::try_from(usable).unwrap_or(ADDRESSES_MAX).min(ADDRESSES_MAX);
    let band = if count < 16 { 0 } else { (count / 16).clamp(16, 256) };
    Family { is_ipv4, range: Range::new(network + 1, count, band) }
}

/// `IPv4` or `IPv6`.
pub fn family_name(is_ipv4: bool) -> &'static str {
    if is_ipv4 { "IPv4" } else { "IPv6" }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn address(is_ipv4: bool, number: u128) -> IpAddr {
    match u32::try_from(number) {
        Ok(small) if is_ipv4 => Ipv4Addr::from(small).into(),
        Ok(_) | Err(_) => Ipv6Addr::from(number).into(),
    }
}

fn addresses(service: &serde_json::Value) -> Vec<IpAddr> {
    service.list_at("spec.clusterIPs").iter().filter_map(|ip| ip::parse(ip.as_str()?)).collect()
}

fn node_ports(service: &serde_json::Value) -> BTreeSet<u16> {
    let of_ports = service.list_at("spec.ports").iter().filter_map(|port| port.i64_at("nodePort"));
    let all = of_ports.chain(service.i64_at("spec.healthCheckNodePort"));
    all.filter(|port| *port != 0).filter_map(|port| u16::try_from(port).ok()).collect()
}

/// What one request takes and gives back.
pub struct Claim {
    allocators: Arc<Allocators>,
    taken_addresses: Vec<IpAddr>,
    taken_ports: Vec<i64>,
    given_addresses: Vec<IpAddr>,
    given_ports: Vec<i64>,
}

// === impl Claim ===

impl Claim {
    /// A claim on nothing yet.
    pub fn new(allocators: &Arc<Allocators>) -> Claim {
        Claim {
            allocators: allocators.clone(),
            taken_addresses: Vec::new(),
            taken_ports: Vec::new(),
            given_addresses: Vec::new(),
            given_ports: Vec::new(),
        }
    }

    /// Takes this address.
    ///
    /// # Errors
    /// If somebody has it or it is in no range.
    pub fn address(&mut self, wanted: IpAddr) -> Result<(), Refusal> {
        self.allocators.take_address(wanted)?;
        self.taken_addresses.push(wanted);
        Ok(())
    }

    /// Takes any address of a family.
    ///
    /// # Errors
    /// If all are taken, or the cluster does not have the family.
    pub fn any_address(&mut self, family: &str) -> Result<IpAddr, Refusal> {
        let found = {
            let mut families = self.allocators.families.lock();
            let of = families.iter_mut().find(|known| family_name(known.is_ipv4) == family);
            let of = of.ok_or(Refusal::Outside)?;
            address(of.is_ipv4, of.range.take_any()?)
        };
        self.taken_addresses.push(found);
        Ok(found)
    }

    /// Takes this node port.
    ///
    /// # Errors
    /// If somebody has it or it is not in the range.
    pub fn port(&mut self, wanted: i64) -> Result<(), Refusal> {
        let number = u128::try_from(wanted).map_err(|_| Refusal::Outside)?;
        self.allocators.ports.lock().take(number)?;
        self.taken_ports.push(wanted);
        Ok(())
    }

    /// Takes any node port.
    ///
    /// # Errors
    /// If all are taken.
    pub fn any_port(&mut self) -> Result<i64, Refusal> {
        let found = self.allocators.ports.lock().take_any()?;
        let found = i64::try_from(found).map_err(|_| Refusal::Full)?;
        self.taken_ports.push(found);
        Ok(found)
    }

    /// Gives an address back once the claim is kept.
    pub fn give_back_address(&mut self, held: IpAddr) {
        self.given_addresses.push(held);
    }

    /// Gives a node port back once the claim is kept.
    pub fn give_back_port(&mut self, held: i64) {
        self.given_ports.push(held);
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Claim({:?}, {:?})", self.taken_addresses, self.taken_ports)
    }
}

impl Allocation for Claim {
    fn commit(mut self: Box<Self>) {
        self.taken_addresses = std::mem::take(&mut self.given_addresses);
        self.taken_ports = std::mem::take(&mut self.given_ports);
        // What is dropped now is what was given back.
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.taken_addresses.iter().for_each(|held| self.allocators.release_address(*held));
        let mut ports = self.allocators.ports.lock();
        self.taken_ports.iter().filter_map(|port| u128::try_from(*port).ok()).for_each(|port| ports.release(port));
    }
}

#[cfg(test)]
mod tests;
