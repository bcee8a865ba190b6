//! Which pages of the arena are free.

use std::collections::BTreeMap;
use std::ops::Range;

/// A first-fit allocator of page numbers.
#[derive(Debug)]
pub(super) struct Space {
    /// The free runs: first page to number of pages. No two touch.
    free: BTreeMap<usize, usize>,
}

impl Space {
    pub(super) fn new(pages: Range<usize>) -> Self {
        let mut free = BTreeMap::new();
        if !pages.is_empty() {
            free.insert(pages.start, pages.len());
        }
        Self { free }
    }

    /// Takes `pages` pages that lie in `within`; the first is a multiple of `align`.
    pub(super) fn take(
        &mut self,
        pages: usize,
        align: usize,
        within: &Range<usize>,
    ) -> Option<usize> {
        let fits = |(&start, &len): (&usize, &usize)| {
            let first = start.max(within.start).next_multiple_of(align);
            let end = (start + len).min(within.end);
            (first.checked_add(pages)? <= end).then_some((start, len, first))
        };
        let (start, len, first) = self.free.iter().find_map(fits)?;
        self.free.remove(&start);
        if start < first {
            self.free.insert(start, first - start);
        }
        let (end, taken_end) = (start + len, first + pages);
        if taken_end < end {
            self.free.insert(taken_end, end - taken_end);
        }
        Some(first)
    }

    /// Gives back what [`take`](Self::take) gave.
    pub(super) fn give_back(&mut self, first: usize, pages: usize) {
        let (mut start, mut end) = (first, first + pages);
        if let Some((&before, &len)) = self.free.range(..first).next_back()
            && before + len == first
        {
            self.free.remove(&before);
            start = before;
        }
        if let Some(len) = self.free.remove(&end) {
            end += len;
        }
        self.free.insert(start, end - start);
    }

    pub(super) fn largest(&self) -> usize {
        self.free.values().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Range<usize> = 0..usize::MAX;

    #[test]
    fn what_is_given_back_joins_its_neighbours() {
        let mut space = Space::new(1..9);
        let runs: Vec<usize> = (0..4).map(|_| space.take(2, 1, &ALL).unwrap()).collect();
        assert_eq!(runs, [1, 3, 5, 7]);
        assert_eq!(space.take(1, 1, &ALL), None);

        for run in [3, 7, 1, 5] {
            space.give_back(run, 2);
        }
        assert_eq!(space.take(8, 1, &ALL), Some(1));
    }

    #[test]
    fn alignment_leaves_the_skipped_pages_free() {
        let mut space = Space::new(1..32);
        assert_eq!(space.take(4, 16, &ALL), Some(16));
        assert_eq!(space.take(15, 1, &ALL), Some(1));
        assert_eq!(space.largest(), 12);
    }

    #[test]
    fn what_lies_outside_is_not_taken() {
        let mut space = Space::new(1..32);
        assert_eq!(space.take(5, 1, &(10..14)), None);
        assert_eq!(space.take(4, 1, &(10..14)), Some(10));
        assert_eq!(space.take(9, 1, &ALL), Some(1));
        assert_eq!(space.largest(), 18);
    }

    proptest! {
        #[test]
        fn no_page_is_taken_twice(steps in prop::collection::vec((1_usize..6, 0_u32..4, any::<bool>()), 1..80)) {
            let mut space = Space::new(3..64);
            let mut taken: Vec<(usize, usize)> = Vec::new();
            for (pages, align, free) in steps {
                if free && !taken.is_empty() {
                    let (first, pages) = taken.swap_remove(pages % taken.len());
                    space.give_back(first, pages);
                } else if let Some(first) = space.take(pages, 1 << align, &ALL) {
                    prop_assert!(first.is_multiple_of(1 << align) && 3 <= first && first + pages <= 64);
                    let apart = |&(at, len): &(usize, usize)| at + len <= first || first + pages <= at;
                    prop_assert!(taken.iter().all(apart));
                    taken.push((first, pages));
                }
            }
            for (first, pages) in taken {
                space.give_back(first, pages);
            }
            prop_assert_eq!(space.largest(), 61);
        }
    }
}
