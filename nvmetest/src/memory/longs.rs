//! Shared memory in which entries stand, one behind the other.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Mapping;
use super::backing::fetch_to_write;

/// The length of a cache line.
const WORDS_OF_A_LINE: usize = 8;

/// Entries of `N` 64-bit words in a mapping: where they are is looked at once, and not for each of them.
#[derive(Debug)]
pub(crate) struct Longs<const N: usize> {
    /// What keeps the entries where they are.
    _mapping: Arc<Mapping>,
    /// The first of the entries, which are all within the mapping, and aligned.
    first: NonNull<[AtomicU64; N]>,
    /// The index of the last of them.
    last: usize,
}

// SAFETY: It is a part of a mapping, which is not tied to a thread either, and its accesses are atomic.
unsafe impl<const N: usize> Send for Longs<N> {}
// SAFETY: As above.
unsafe impl<const N: usize> Sync for Longs<N> {}

impl<const N: usize> Longs<N> {
    /// Takes the `count` entries from a byte offset on.
    ///
    /// # Panics
    ///
    /// Panics if there is none, or if they are not within the mapping, or not aligned.
    pub(crate) fn new(mapping: Arc<Mapping>, offset: usize, count: usize) -> Self {
        let len = count.checked_mul(size_of::<[AtomicU64; N]>());
        let end = len.and_then(|len| offset.checked_add(len));
        assert!(
            end.is_some_and(|end| end <= mapping.len())
                && offset.is_multiple_of(align_of::<AtomicU64>()),
            "{count} entries of {N} words at {offset:#x} are not within {} mapped bytes",
            mapping.len()
        );
        assert_ne!(count, 0, "no entry at {offset:#x}");
        // SAFETY: The offset is within the mapping.
        let first = unsafe { mapping.base().add(offset) }.cast();
        Self { _mapping: mapping, first, last: count - 1 }
    }

    /// The index of the last entry.
    #[inline(always)]
    pub(crate) fn last(&self) -> usize {
        self.last
    }

    /// Where the first entry is: a pointer that is good for all of them, as one from a reference to an entry is not.
    #[inline(always)]
    pub(super) fn first(&self) -> NonNull<[AtomicU64; N]> {
        self.first
    }

    /// Returns an entry.
    ///
    /// # Panics
    ///
    /// Panics if there is none of this index.
    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> &[AtomicU64; N] {
        if self.last < index {
            no_entry(index, self.last + 1);
        }
        // SAFETY: The entry is within the mapping, which `self` keeps, and aligned, as the first is (the base is aligned
        // to a page). Whoever else writes it does so by atomic accesses, or is a device, and so it is atomic.
        unsafe { self.first.add(index).as_ref() }
    }

    /// Returns the entry of a number, of which only so many bits count as the index of the last entry has: where there is
    /// a power of two of entries, that goes round them.
    #[inline(always)]
    pub(crate) fn of_number(&self, number: u64) -> &[AtomicU64; N] {
        // What has no bit that `last` has not is not greater.
        let index = number as usize & self.last;
        // SAFETY: As for `at`: the index is not behind that of the last.
        unsafe { self.first.add(index).as_ref() }
    }

    /// Has the processor bring the entry of a [number](Self::of_number) nearer, to write it; nobody waits for it, and nothing depends on
    /// it.
    #[inline]
    pub(crate) fn prefetch(&self, number: u64) {
        self.of_number(number).iter().step_by(WORDS_OF_A_LINE).for_each(fetch_to_write);
    }
}

#[cold]
fn no_entry(index: usize, count: usize) -> ! {
    panic!("entry {index} of {count}");
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    fn mapping() -> Arc<Mapping> {
        Arc::new(Mapping::anonymous(c"test", 4096).unwrap().1)
    }

    #[test]
    fn entries_stand_one_behind_the_other() {
        let mapping = mapping();
        let longs = Longs::<2>::new(Arc::clone(&mapping), 4096 - 48, 3);
        longs.at(2)[1].store(7, Relaxed);
        longs.at(0)[0].store(5, Relaxed);
        assert_eq!([4088, 4048].map(|at| mapping.long(at).load(Relaxed)), [7, 5]);
    }

    #[test]
    fn numbers_go_round_the_entries() {
        let longs = Longs::<2>::new(mapping(), 64, 4);
        for number in [0, 3, 4, 7, 1 << 40 | 6, u64::MAX] {
            let entry = longs.at((number % 4) as usize);
            assert!(std::ptr::eq(longs.of_number(number), entry), "{number}");
        }
        // Of three entries, not all are met, and nothing else is.
        let longs = Longs::<2>::new(mapping(), 64, 3);
        for number in 0..8 {
            assert!((0..3).any(|at| std::ptr::eq(longs.of_number(number), longs.at(at))));
        }
    }

    #[test]
    #[should_panic(expected = "no entry at 0x40")]
    fn no_entries_panic() {
        Longs::<2>::new(mapping(), 64, 0);
    }

    #[test]
    #[should_panic(expected = "entry 3 of 3")]
    fn an_entry_behind_the_last_panics() {
        Longs::<2>::new(mapping(), 0, 3).at(3);
    }

    #[test]
    #[should_panic(expected = "4 entries of 2 words at 0xfc8 are not within 4096 mapped bytes")]
    fn entries_that_are_not_mapped_panic() {
        Longs::<2>::new(mapping(), 4096 - 56, 4);
    }

    #[test]
    #[should_panic(expected = "1 entries of 2 words at 0x4 are not within")]
    fn entries_that_are_not_aligned_panic() {
        Longs::<2>::new(mapping(), 4, 1);
    }
}
