//! Decides which part of the cluster's addresses a node gets.

use std::{collections::BTreeSet, net::Ipv4Addr};

/// Every node gets a block of this size, as large as a node may have pods.
const NODE_PREFIX: u32 = 18;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    base: u32,
    prefix: u32,
}

// === impl Cidr ===

impl Cidr {
    /// Reads `a.b.c.d/n`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (base, prefix) = text.split_once('/')?;
        let (base, prefix) =
            (base.parse::<Ipv4Addr>().ok()?, prefix.parse::<u32>().ok().filter(|prefix| *prefix <= 32)?);
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        Some(Self { base: u32::from(base) & mask, prefix })
    }

    /// The first block that none of `taken` has, or `None` if there is none left.
    pub(super) fn free_block(self, taken: &BTreeSet<String>) -> Option<String> {
        let prefix = self.prefix.max(NODE_PREFIX);
        let count = 1_u32 << (prefix - self.prefix);
        let size = 1_u32.checked_shl(32 - prefix)?;
        let block = |at: u32| format!("{}/{prefix}", Ipv4Addr::from(self.base + at * size));
        (0..count).map(block).find(|block| !taken.contains(block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_given_out_from_the_first_on_until_none_is_left() {
        let cidr = Cidr::parse("10.42.0.0/16").expect("a range");
        let mut taken = BTreeSet::new();
        for block in ["10.42.0.0/18", "10.42.64.0/18", "10.42.128.0/18", "10.42.192.0/18"] {
            assert_eq!(cidr.free_block(&taken).as_deref(), Some(block));
            taken.insert(block.to_owned());
        }
        assert_eq!(cidr.free_block(&taken), None);
        assert_eq!(
            Cidr::parse("10.42.0.0/24").and_then(|cidr| cidr.free_block(&taken)).as_deref(),
            Some("10.42.0.0/24")
        );
        assert_eq!(Cidr::parse("fd00::/48"), None);
    }
}
