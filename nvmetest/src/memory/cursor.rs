//! The next entry of a ring.

use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use super::Longs;
use super::backing::fetch_to_write;

/// Goes round entries, from each to the one behind it, and from the last to the first.
#[derive(Debug)]
pub(crate) struct Cursor<const N: usize> {
    longs: Longs<N>,
    /// The entry of this index, which there is: it is looked at far more often than it changes.
    entry: NonNull<[AtomicU64; N]>,
    index: usize,
}

impl<const N: usize> Cursor<N> {
    /// Begins with the first entry.
    pub(crate) fn new(longs: Longs<N>) -> Self {
        let entry = longs.first();
        Self { longs, entry, index: 0 }
    }

    /// The entry where it is.
    #[inline(always)]
    pub(crate) fn entry(&self) -> &[AtomicU64; N] {
        // SAFETY: It is one of the entries of `longs`, which keeps them where they are.
        unsafe { self.entry.as_ref() }
    }

    /// The index of that entry.
    #[inline(always)]
    pub(crate) fn index(&self) -> u32 {
        self.index as u32
    }

    /// Has the processor bring the entry nearer, to write it, that is so many behind this one, fewer than there are.
    #[inline(always)]
    pub(crate) fn fetch_to_write(&self, behind: usize) {
        let (index, last) = (self.index + behind, self.longs.last());
        let index = if last < index { index - last - 1 } else { index };
        fetch_to_write(&self.longs.at(index.min(last))[0]);
    }

    /// Goes on to the next entry; whether that is the first one again.
    #[inline(always)]
    pub(crate) fn advance(&mut self) -> bool {
        if self.longs.last() <= self.index {
            self.begin();
            return true;
        }
        self.index += 1;
        // SAFETY: It was not the last of the entries of `longs`, which stand one behind the other, and whose first pointer is
        // good for them all: this is the next one.
        self.entry = unsafe { self.entry.add(1) };
        false
    }

    /// Goes to the first entry.
    #[inline(always)]
    fn begin(&mut self) {
        self.entry = self.longs.first();
        self.index = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;

    use super::super::Mapping;
    use super::*;

    #[test]
    fn it_goes_round() {
        let mapping = Arc::new(Mapping::anonymous(c"test", 4096).unwrap().1);
        let mut cursor = Cursor::<2>::new(Longs::new(Arc::clone(&mapping), 4096 - 48, 3));
        for turn in 0..3 {
            for index in 0..3 {
                assert_eq!(cursor.index(), index as u32);
                cursor.entry()[1].store(10 * turn + index, Relaxed);
                let word = mapping.long(4096 - 48 + 16 * index as usize + 8);
                assert_eq!(word.load(Relaxed), 10 * turn + index);
                assert_eq!(cursor.advance(), index == 2);
            }
        }
    }

    #[test]
    fn one_entry_is_always_the_next() {
        let mapping = Arc::new(Mapping::anonymous(c"test", 4096).unwrap().1);
        let mut cursor = Cursor::<2>::new(Longs::new(mapping, 0, 1));
        assert!(cursor.advance() && cursor.advance());
        assert_eq!(cursor.index(), 0);
    }
}
