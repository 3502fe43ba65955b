//! Gives each sandbox an address of the node's network and takes it back.
//!
//! # Guarantees
//! An address that came back is given again only after all others: clients that remember it find nobody rather than
//! a stranger.

use std::collections::HashSet;
use std::net::Ipv4Addr;

/// The first address is the network's, the second the node's own.
const RESERVED_LOW: u32 = 2;
/// The last address is the broadcast's.
const RESERVED_HIGH: u32 = 1;

/// The addresses of one network.
#[derive(Debug)]
pub(super) struct AddressPool {
    network: u32,
    size: u32,
    // Invariant: RESERVED_LOW <= next < size - RESERVED_HIGH when the network is not too small.
    next: u32,
    taken: HashSet<u32>,
}

impl AddressPool {
    /// All of `network/prefix_len`.
    pub(super) fn new(network: Ipv4Addr, prefix_len: u8) -> Self {
        let size = 1_u32.checked_shl(32 - u32::from(prefix_len)).unwrap_or(u32::MAX);
        Self { network: u32::from(network) & !(size - 1), size, next: RESERVED_LOW, taken: HashSet::new() }
    }

    /// A free address, or `None` when all are taken.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        let usable = self.size.saturating_sub(RESERVED_LOW + RESERVED_HIGH);
        for _ in 0..usable {
            let offset = self.next;
            let after = offset + 1;
            self.next = if after < self.size - RESERVED_HIGH { after } else { RESERVED_LOW };
            if self.taken.insert(offset) {
                return Some(Ipv4Addr::from(self.network + offset));
            }
        }
        None
    }

    /// Takes an address back; one that was not given is ignored.
    pub(super) fn give_back(&mut self, ip: Ipv4Addr) {
        self.taken.remove(&u32::from(ip).wrapping_sub(self.network));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_small_network_is_given_out_whole_and_then_no_more() {
        let mut pool = AddressPool::new(Ipv4Addr::new(10, 1, 2, 7), 29);
        let all: Vec<String> = std::iter::from_fn(|| pool.take()).map(|ip| ip.to_string()).collect();
        assert_eq!(all, ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]);
        pool.give_back(Ipv4Addr::new(10, 1, 2, 4));
        assert_eq!(pool.take().unwrap(), Ipv4Addr::new(10, 1, 2, 4));
    }

    #[test]
    fn an_address_that_came_back_waits_for_its_turn() {
        let mut pool = AddressPool::new(Ipv4Addr::new(10, 1, 2, 0), 24);
        let first = pool.take().unwrap();
        pool.give_back(first);
        assert_ne!(pool.take().unwrap(), first);
    }

    #[test]
    fn a_network_without_room_gives_nothing() {
        assert_eq!(AddressPool::new(Ipv4Addr::new(10, 1, 2, 0), 32).take(), None);
        assert_eq!(AddressPool::new(Ipv4Addr::new(10, 1, 2, 0), 31).take(), None);
    }
}
