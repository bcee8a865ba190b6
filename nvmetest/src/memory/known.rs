//! Which memory a device has, and had: what an address that it should not have used is near to.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::ops::Range;

use super::canary::Distance;

/// The memory of one device, by address.
#[derive(Debug, Default)]
pub(super) struct Known {
    live: BTreeMap<u64, Neighbour>,
    /// What was freed, the latest last.
    freed: VecDeque<Neighbour>,
    /// What was taken from the device while it held it: its accesses are the end of a story that was told.
    revoked: Vec<Range<u64>>,
    /// Addresses that a test was given because nothing is there.
    handed_out: Vec<Range<u64>>,
}

/// A block that an address is near to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) begin: u64,
    pub(crate) len: usize,
    /// From when until when it was there (`cmdlog::now_ns`).
    pub(crate) life_ns: Range<u64>,
}

impl Neighbour {
    /// Whether it is there no more.
    pub(crate) fn is_freed(&self) -> bool {
        self.life_ns.end != u64::MAX
    }

    pub(crate) fn distance(&self, address: u64) -> Distance {
        Distance::new(address, self.begin, self.len)
    }
}

/// So many freed blocks are remembered.
const FREED: usize = 256;

/// So many ranges are remembered whose use is no finding.
const EXCUSED: usize = 4096;

/// An address that is further away from a block has nothing to do with it.
const NEAR: u64 = 64 << 10;

impl Known {
    pub(super) fn add(&mut self, begin: u64, len: usize, now_ns: u64) {
        self.live.insert(begin, Neighbour { begin, len, life_ns: now_ns..u64::MAX });
    }

    /// Notes that a block is freed, and returns what was known of it.
    pub(super) fn free(&mut self, begin: u64, now_ns: u64) -> Option<Neighbour> {
        let mut block = self.live.remove(&begin)?;
        block.life_ns.end = now_ns;
        push(&mut self.freed, block.clone());
        Some(block)
    }

    pub(super) fn revoke(&mut self, range: Range<u64>) {
        excuse(&mut self.revoked, range);
    }

    pub(super) fn hand_out(&mut self, range: Range<u64>) {
        excuse(&mut self.handed_out, range);
    }

    /// Whether an access to `address` is what a test asked for, or what came of a command that was given up.
    pub(super) fn is_excused(&self, address: u64) -> bool {
        self.revoked.iter().chain(&self.handed_out).any(|range| range.contains(&address))
    }

    /// The block that `address` is nearest to; of two, the one that is still there.
    pub(super) fn nearest(&self, address: u64) -> Option<&Neighbour> {
        let before = self.live.range(..=address).next_back();
        let behind = self.live.range(address..).next();
        let live = before.into_iter().chain(behind).map(|(_, block)| block);
        let all = live.chain(self.freed.iter().rev());
        let near = |block: &&Neighbour| block.distance(address).bytes() <= NEAR;
        all.filter(near).min_by_key(|block| block.distance(address).bytes())
    }
}

fn push(freed: &mut VecDeque<Neighbour>, block: Neighbour) {
    if FREED <= freed.len() {
        freed.pop_front();
    }
    freed.push_back(block);
}

fn excuse(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    if EXCUSED <= ranges.len() {
        ranges.remove(0);
    }
    ranges.push(range);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_block_is_found_and_a_live_one_first() {
        let mut known = Known::default();
        known.add(0x10000, 100, 1);
        known.add(0x20000, 4096, 2);
        known.add(0x30000, 4096, 3);
        known.free(0x20000, 4).unwrap();

        let begin = |address| known.nearest(address).map(|block| block.begin);
        assert_eq!(begin(0x10000 + 117), Some(0x10000));
        assert_eq!(begin(0x20800), Some(0x20000));
        assert_eq!(begin(0x2fff0), Some(0x30000));
        assert_eq!(begin(0xdead_0000), None);
        assert!(known.nearest(0x20800).unwrap().is_freed());
        assert!(!known.nearest(0x30000).unwrap().is_freed());
    }

    #[test]
    fn what_was_revoked_or_handed_out_is_excused() {
        let mut known = Known::default();
        known.revoke(0x1000..0x2000);
        known.hand_out(0x8000..0x9000);
        let excused = [0x1000, 0x1fff, 0x2000, 0x8000, 0x9000].map(|it| known.is_excused(it));
        assert_eq!(excused, [true, true, false, true, false]);
    }
}
