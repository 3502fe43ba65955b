//! A range of numbers of which some are taken: the bookkeeping behind cluster IPs and node ports.

use std::collections::BTreeSet;

use crate::registry::allocator::Refusal;

/// Consecutive numbers, each taken or free.
pub(crate) struct Range {
    first: u128,
    count: u32,
    /// How many numbers at the start are handed out only when the others are taken.
    band: u32,
    /// Invariant: all below `count`. A set, since almost all ranges are almost empty.
    taken: BTreeSet<u32>,
    /// Where the search for a free number goes on, so that one that was given back is not handed out at once.
    next: u32,
}

// === impl Range ===

impl Range {
    /// `count` numbers from `first`, all free.
    pub(crate) fn new(first: u128, count: u32, band: u32) -> Range {
        let band = band.min(count.saturating_sub(1));
        Range { first, count, band, taken: BTreeSet::new(), next: band }
    }

    /// The first number.
    pub(crate) fn first(&self) -> u128 {
        self.first
    }

    /// Takes this number.
    pub(crate) fn take(&mut self, number: u128) -> Result<(), Refusal> {
        let offset = self.offset(number).ok_or(Refusal::Outside)?;
        if self.taken.insert(offset) { Ok(()) } else { Err(Refusal::Taken) }
    }

    /// Takes any free number.
    pub(crate) fn take_any(&mut self) -> Result<u128, Refusal> {
        let upper = (self.next..self.count).chain(self.band..self.next);
        let free = upper.chain(0..self.band).find(|offset| !self.taken.contains(offset));
        let offset = free.ok_or(Refusal::Full)?;
        self.taken.insert(offset);
        if offset >= self.band {
            self.next = if offset + 1 < self.count { offset + 1 } else { self.band };
        }
        Ok(self.first + u128::from(offset))
    }

    /// Gives this number back; one that is free or out of range is left alone.
    pub(crate) fn release(&mut self, number: u128) {
        if let Some(offset) = self.offset(number) {
            self.taken.remove(&offset);
        }
    }

    fn offset(&self, number: u128) -> Option<u32> {
        let offset = u32::try_from(number.checked_sub(self.first)?).ok()?;
        (offset < self.count).then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_from_the_upper_band_first_and_go_round() {
        let mut range = Range::new(100, 4, 2);
        assert_eq!(range.take_any(), Ok(102));
        range.release(102);
        assert_eq!(range.take_any(), Ok(103));
        assert_eq!(range.take_any(), Ok(102));
        assert_eq!(range.take_any(), Ok(100));
        assert_eq!(range.take_any(), Ok(101));
        assert_eq!(range.take_any(), Err(Refusal::Full));
        assert_eq!(range.take(104), Err(Refusal::Outside));
        assert_eq!(range.take(99), Err(Refusal::Outside));
    }
}
