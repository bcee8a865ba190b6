//! Canaries: bytes around a loan that only a device at fault writes.
//!
//! A canary stands where nobody looks while a command is in flight: behind the end of a buffer, up to the end of
//! its last page, for as long as the buffer lives; and within a buffer, beside a loan that has the whole buffer
//! to itself, for as long as the command runs. What stood there is put back when the command is complete.
//!
//! Loans of whole pages have no canaries: there is nothing of the page beside them.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Block;
use super::Iova;
use super::PAGE_SIZE;
use super::Place;
use super::Places;

/// So many bytes on either side of a loan are watched until its command is complete.
pub(super) const REACH: usize = 64;

/// So many of the bytes that a device wrote are quoted.
const QUOTED: usize = 16;

/// What a device wrote where nothing was lent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overrun {
    /// Where the first of the bytes is.
    pub iova: Iova,
    /// The first bytes that the device wrote, up to 16.
    pub bytes: Vec<u8>,
    /// Where the memory is that the device was to stay in.
    pub lent: Iova,
    /// How many bytes that memory has.
    pub len: usize,
}

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device wrote ")?;
        for (index, byte) in self.bytes.iter().enumerate() {
            write!(f, "{}{byte:#04x}", if index == 0 { "" } else { " " })?;
        }
        let (iova, begin) = (self.iova.0, self.lent.0);
        write!(f, " at {iova:#x}, {} of ", Distance::new(iova, begin, self.len))?;
        write!(f, "{} bytes at {begin:#x}", self.len)
    }
}

/// How far an address is from a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distance {
    Before(u64),
    Within(u64),
    Behind(u64),
}

impl Distance {
    pub(crate) fn new(address: u64, begin: u64, len: usize) -> Self {
        let end = begin.saturating_add(len as u64);
        if address < begin {
            Self::Before(begin - address)
        } else if address < end {
            Self::Within(address - begin)
        } else {
            Self::Behind(address - end)
        }
    }

    /// The number of bytes between the address and the range.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Within(_) => 0,
            Self::Before(bytes) | Self::Behind(bytes) => bytes,
        }
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(bytes) => write!(f, "{bytes} bytes before the begin"),
            Self::Within(bytes) => write!(f, "{bytes} bytes behind the begin"),
            Self::Behind(0) => write!(f, "right behind the end"),
            Self::Behind(bytes) => write!(f, "{bytes} bytes behind the end"),
        }
    }
}

/// The byte of a canary at offset `at` of its block: neighbours differ, so that data does not pass for it.
fn byte(at: usize) -> u8 {
    (at as u8).wrapping_mul(0x3b) ^ 0xc5
}

/// Fills `bytes` with the canary for offset `at`.
pub(super) fn fill(at: usize, bytes: &mut [u8]) {
    bytes.iter_mut().zip(at..).for_each(|(to, at)| *to = byte(at));
}

/// Finds the first of `bytes`, which stand at offset `at`, that is not the canary's.
pub(super) fn first_foreign(at: usize, bytes: &[u8]) -> Option<usize> {
    bytes.iter().zip(at..).position(|(&found, at)| found != byte(at))
}

/// The first bytes of `bytes` from `foreign` on, for a message: up to the last one that is foreign.
pub(super) fn quote(at: usize, bytes: &[u8], foreign: usize) -> Vec<u8> {
    let shown = &bytes[foreign..bytes.len().min(foreign + QUOTED)];
    let last = (0..shown.len()).rfind(|&index| shown[index] != byte(at + foreign + index));
    shown[..last.map_or(1, |last| last + 1)].to_vec()
}

/// How many bytes before and behind a range are nobody else's, of those that a canary could watch.
#[derive(Clone, Copy)]
pub(super) struct Alone {
    before: u8,
    behind: u8,
}

impl Alone {
    /// For `range`, if nobody else has any of `exclusive`.
    #[inline]
    pub(super) fn within(exclusive: &Range<usize>, range: &Range<usize>) -> Self {
        // `REACH` fits.
        let bytes = |bytes: usize| bytes.min(REACH) as u8;
        Self {
            before: bytes(range.start - exclusive.start),
            behind: bytes(exclusive.end - range.end),
        }
    }

    /// What nobody else has.
    pub(super) fn around(self, range: &Range<usize>) -> Range<usize> {
        range.start - usize::from(self.before)..range.end + usize::from(self.behind)
    }
}

/// How many bytes before and behind `range` a canary may have: what is left of the first and of the last page, as
/// far as `exclusive` goes, in which the loan is alone.
pub(super) fn margins(range: &Range<usize>, exclusive: &Range<usize>) -> [u8; 2] {
    let Range { start, end } = *range;
    if (start | end).is_multiple_of(PAGE_SIZE) {
        return [0, 0];
    }
    let from = exclusive.start.max(start - start % PAGE_SIZE).max(start.saturating_sub(REACH));
    let to = exclusive.end.min(end.next_multiple_of(PAGE_SIZE)).min(end + REACH);
    // `REACH` fits.
    [(start - from) as u8, (to - end) as u8]
}

/// The canaries of the commands in flight on one queue.
#[derive(Default)]
pub(crate) struct Canaries {
    /// By the number of the command's slot. What was allocated for one command serves the next.
    placed: RefCell<Vec<Vec<Canary>>>,
    /// How many there are.
    count: Cell<usize>,
}

/// One canary beside one loan.
struct Canary {
    block: Arc<Block>,
    /// The loan, as offsets in the block.
    lent: Range<usize>,
    /// Where the canary is.
    at: Range<usize>,
    /// What stood there. Behind the end of a buffer nothing does: the canary stays.
    saved: Option<[u8; REACH]>,
}

impl Canaries {
    /// Places canaries around what is lent to the command in slot `slot`.
    ///
    /// `writes` says whether the command writes what is lent, and `beyond` how far it may write into what is left
    /// of the last page.
    #[cold]
    pub(crate) fn place(&self, slot: u16, places: &Places, writes: bool, beyond: usize) {
        let mut placed = self.placed.borrow_mut();
        let slot = usize::from(slot);
        if placed.len() <= slot {
            placed.resize_with(slot + 1, Vec::new);
        }
        let canaries = &mut placed[slot];
        let before = canaries.len();
        let places = places.as_slice();
        for (index, place) in places.iter().enumerate() {
            // The memory of a queue is looked at when the queue is gone.
            if place.queue.is_some() {
                continue;
            }
            let lent = place.range();
            if writes {
                let [before, behind] = place.margins.map(usize::from);
                canaries.extend(Canary::save(place, lent.start - before..lent.start));
                canaries.extend(Canary::save(place, lent.end..lent.end + behind));
            }
            if place.slack != 0 {
                let is_last = index + 1 == places.len();
                let granted = place.block.grant(if is_last { beyond } else { 0 });
                let to = place.slack.min(granted + REACH);
                if granted < to {
                    let at = lent.end + granted..lent.end + to;
                    canaries.push(Canary { block: place.block.clone(), lent, at, saved: None });
                }
            }
        }
        self.count.set(self.count.get() + canaries.len() - before);
    }

    /// Whether any command in flight has a canary.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    /// Takes away the canaries of a command that the device has no claim on any more. Returns the first that was
    /// overwritten.
    #[cold]
    pub(crate) fn check(&self, slot: u16) -> Option<Overrun> {
        let mut placed = self.placed.borrow_mut();
        let canaries = placed.get_mut(usize::from(slot))?;
        self.count.set(self.count.get() - canaries.len());
        let mut overrun = None;
        for canary in canaries.drain(..) {
            let found = canary.check();
            overrun = overrun.or(found);
        }
        overrun
    }
}

impl Canary {
    /// Puts a canary in the place of what stands in a range that nobody but the loan has.
    fn save(place: &Place, at: Range<usize>) -> Option<Self> {
        if at.is_empty() {
            return None;
        }
        let (mut saved, mut canary) = ([0; REACH], [0; REACH]);
        let canary = &mut canary[..at.len()];
        place.block.copy_out(at.start, &mut saved[..at.len()]);
        fill(at.start, canary);
        place.block.write(at.start, canary);
        Some(Self { block: place.block.clone(), lent: place.range(), at, saved: Some(saved) })
    }

    /// Looks at the canary, and puts back what stood in its place.
    fn check(&self) -> Option<Overrun> {
        let mut bytes = [0; REACH];
        let Some(saved) = &self.saved else {
            // What others were granted since is not watched any more.
            let from = self.at.start.max(self.block.len() + self.block.grant(0)).min(self.at.end);
            let bytes = &mut bytes[..self.at.end - from];
            self.block.copy_out(from, bytes);
            first_foreign(from, bytes)?;
            // All of it is told here, and not once more when the buffer is freed.
            let overrun = self.block.slack_overrun(&self.lent);
            self.block.fill_slack();
            return overrun;
        };
        let bytes = &mut bytes[..self.at.len()];
        self.block.copy_out(self.at.start, bytes);
        self.block.write(self.at.start, &saved[..self.at.len()]);
        let foreign = first_foreign(self.at.start, bytes)?;
        let lent = &self.lent;
        Some(self.block.overrun_at(self.at.start, bytes, foreign, lent))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_pages_have_no_margins() {
        assert_eq!(margins(&(0..4096), &(0..8192)), [0, 0]);
        assert_eq!(margins(&(4096..12288), &(0..16384)), [0, 0]);
    }

    #[test]
    fn a_block_in_the_middle_of_a_page_has_both() {
        assert_eq!(margins(&(512..1024), &(0..4096)), [64, 64]);
        assert_eq!(margins(&(512..1024), &(500..1030)), [12, 6]);
        assert_eq!(margins(&(4096..4608), &(0..8192)), [0, 64]);
        assert_eq!(margins(&(8..4096), &(0..8192)), [8, 0]);
    }

    #[test]
    fn the_first_foreign_byte_is_found_and_quoted() {
        let mut bytes = [0; 40];
        fill(1000, &mut bytes);
        assert_eq!(first_foreign(1000, &bytes), None);
        bytes[7] ^= 1;
        bytes[9] ^= 1;
        assert_eq!(first_foreign(1000, &bytes), Some(7));
        assert_eq!(quote(1000, &bytes, 7), bytes[7..10]);
    }

    proptest! {
        #[test]
        fn margins_are_beside_the_loan_in_its_pages_and_in_what_it_has_alone(
            outer in 0_usize..20_000, before in 0_usize..9000, len in 0_usize..9000, behind in 0_usize..9000,
        ) {
            let range = outer + before..outer + before + len;
            let exclusive = outer..range.end + behind;
            let [left, right] = margins(&range, &exclusive).map(usize::from);
            prop_assert!(left <= REACH && right <= REACH);
            prop_assert!(exclusive.start <= range.start - left && range.end + right <= exclusive.end);
            prop_assert_eq!((range.start - left) / PAGE_SIZE, range.start / PAGE_SIZE);
            if right != 0 {
                prop_assert_eq!((range.end + right - 1) / PAGE_SIZE, range.end / PAGE_SIZE);
            }
            // No more could be had.
            if left < REACH {
                let start = range.start - left;
                prop_assert!(start == exclusive.start || start.is_multiple_of(PAGE_SIZE));
            }
            if right < REACH {
                let end = range.end + right;
                prop_assert!(end == exclusive.end || end.is_multiple_of(PAGE_SIZE));
            }
        }
    }
}
