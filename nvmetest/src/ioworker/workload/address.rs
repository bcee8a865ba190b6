//! Which logical blocks commands name.

use std::ops::Range;

use super::distribution::Distribution;
use super::distribution::Spread;
use super::draw::Draw;

/// The places of the regions at which a command of one size can be.
#[derive(Debug, Clone)]
pub(in crate::ioworker) struct Places {
    spans: Vec<Span>,
    spread: Spread,
}

/// Places of which each is as likely as the other, at the same distance from each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    first: u64,
    apart: u64,
    places: u64,
}

impl Line {
    #[inline]
    pub(super) fn draw(&self, draw: &mut Draw) -> u64 {
        self.first + draw.below(self.places) * self.apart
    }
}

/// Those within one region.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: u64,
    apart: u64,
    /// How many places there are in this region and those before it.
    end: u64,
}

impl Places {
    /// Counts the places for `blocks` blocks: at multiples of `align`, or one behind the other from the start of each
    /// region.
    pub(in crate::ioworker) fn count(
        regions: &[Range<u64>],
        blocks: u32,
        align: Option<u64>,
    ) -> u64 {
        spans(regions, blocks, align).last().map_or(0, |span| span.end)
    }

    /// There must be one.
    pub(super) fn new(
        regions: &[Range<u64>],
        blocks: u32,
        align: Option<u64>,
        distribution: &Distribution,
    ) -> Self {
        let spans = spans(regions, blocks, align);
        let places = spans.last().expect("a command has room in a region").end;
        Self { spans, spread: Spread::new(distribution, places) }
    }

    #[inline]
    pub(super) fn draw(&self, draw: &mut Draw) -> u64 {
        let place = self.spread.draw(draw);
        let index = match self.spans.len() {
            1 => 0,
            _ => self.spans.partition_point(|span| span.end <= place),
        };
        let before = index.checked_sub(1).map_or(0, |before| self.spans[before].end);
        let span = &self.spans[index];
        span.first + (place - before) * span.apart
    }

    /// The places as a line, if they are one: then it draws the same.
    pub(super) fn line(&self) -> Option<Line> {
        match (&self.spans[..], &self.spread) {
            (&[Span { first, apart, end }], Spread::Uniform { .. }) => {
                Some(Line { first, apart, places: end })
            }
            _ => None,
        }
    }
}

fn spans(regions: &[Range<u64>], blocks: u32, align: Option<u64>) -> Vec<Span> {
    let blocks = u64::from(blocks);
    let mut end = 0_u64;
    let mut spans = Vec::new();
    for region in regions {
        let apart = align.unwrap_or(blocks);
        let first = match align {
            Some(align) => region.start.checked_next_multiple_of(align),
            None => Some(region.start),
        };
        let room = first.and_then(|first| region.end.checked_sub(first)?.checked_sub(blocks));
        if let (Some(first), Some(room)) = (first, room) {
            end = end.saturating_add((room / apart).saturating_add(1));
            spans.push(Span { first, apart, end });
        }
    }
    spans
}

/// Places in order.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    regions: Vec<Range<u64>>,
    region: usize,
    /// Where the next command is to be, which need not be within the region.
    at: i128,
    /// How far commands are apart; their size if that is not said.
    step: Option<i64>,
}

impl Sequence {
    pub(super) fn new(regions: &[Range<u64>], first: Option<u64>, step: Option<i64>) -> Self {
        let backward = step.is_some_and(|step| step < 0);
        let named = first.and_then(|first| regions.iter().position(|it| it.contains(&first)));
        let region = named.unwrap_or(if backward { regions.len() - 1 } else { 0 });
        // Backward from behind the end: the first is then the last place that there is.
        let start = if backward { regions[region].end } else { regions[region].start };
        let at = first.unwrap_or(start).into();
        Self { regions: regions.to_vec(), region, at, step }
    }

    /// Returns the next place for `blocks` blocks; there must be one in some region.
    ///
    /// Where the region has no room for it, the next region is entered, and after the last the first.
    #[inline]
    pub(super) fn next(&mut self, blocks: u32, align: Option<u64>) -> u64 {
        let (align, blocks) = (i128::from(align.unwrap_or(1)), i128::from(blocks));
        let step = self.step.map_or(blocks, i128::from);
        // One alignment is so much the usual one that the division is worth a branch.
        let down = |at: i128| if align == 1 { at } else { at.div_euclid(align) * align };
        for _ in 0..=self.regions.len() {
            let region = &self.regions[self.region];
            let (start, last) = (i128::from(region.start), i128::from(region.end) - blocks);
            let slba = down(if step < 0 { self.at } else { self.at + align - 1 });
            if start <= slba && slba <= last {
                self.at = slba + step;
                return slba as u64;
            }
            if step < 0 && last < slba && start <= down(last) {
                // The command before was shorter, or is the first: this one has room where the region ends.
                self.at = down(last) + step;
                return down(last) as u64;
            }
            let count = self.regions.len();
            self.region = (self.region + if step < 0 { count - 1 } else { 1 }) % count;
            let region = &self.regions[self.region];
            self.at = if step < 0 { region.end } else { region.start }.into();
        }
        unreachable!("a command of each size has room in a region")
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a region is a range of blocks")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn drawn(regions: &[Range<u64>], blocks: u32, align: Option<u64>) -> BTreeSet<u64> {
        let places = Places::new(regions, blocks, align, &Distribution::Uniform);
        let mut draw = Draw::new(9);
        (0..10_000).map(|_| places.draw(&mut draw)).collect()
    }

    fn ordered(mut sequence: Sequence, count: usize, blocks: u32, align: Option<u64>) -> Vec<u64> {
        (0..count).map(|_| sequence.next(blocks, align)).collect()
    }

    #[test]
    fn random_places_cover_the_region_and_stay_in_it() {
        let expected: BTreeSet<_> = (0..112).map(|place| 100 + 8 * place).collect();
        assert_eq!(drawn(&[100..1000], 8, None), expected);
    }

    #[test]
    fn aligned_places_are_multiples_and_may_overlap() {
        assert_eq!(drawn(&[101..121], 8, Some(4)), [104, 108, 112].into());
        assert_eq!(drawn(&[7..16], 8, Some(1)), [7, 8].into());
    }

    #[test]
    fn places_are_those_of_all_regions_that_have_room() {
        assert_eq!(drawn(&[0..16, 20..27, 40..48, 50..51], 8, None), [0, 8, 40].into());
    }

    #[test]
    fn the_places_of_the_largest_namespace_are_all_within_reach() {
        let places = Places::new(&[0..u64::MAX], 8, Some(8), &Distribution::Uniform);
        let mut draw = Draw::new(3);
        let quarters: BTreeSet<_> = (0..100).map(|_| places.draw(&mut draw) >> 62).collect();
        assert_eq!(quarters, [0, 1, 2, 3].into());
        assert_eq!(Places::count(&[u64::MAX - 9..u64::MAX], 8, Some(u64::MAX)), 0);
    }

    #[test]
    fn a_sequence_wraps_around_its_regions() {
        let sequence = Sequence::new(&[100..117, 200..208], None, None);
        assert_eq!(ordered(sequence, 5, 8, None), [100, 108, 200, 100, 108]);
        // What is left of the region is not used.
        let sequence = Sequence::new(&[100..117], Some(105), None);
        assert_eq!(ordered(sequence, 3, 8, None), [105, 100, 108]);
    }

    #[test]
    fn a_sequence_goes_by_its_step() {
        let regions = [100..132];
        let steps = |step, first| ordered(Sequence::new(&regions, first, Some(step)), 4, 8, None);
        assert_eq!(steps(16, None), [100, 116, 100, 116]);
        assert_eq!(steps(4, None), [100, 104, 108, 112]);
        assert_eq!(steps(0, Some(110)), [110; 4]);
        assert_eq!(steps(-8, None), [124, 116, 108, 100]);
        assert_eq!(steps(-16, Some(120)), [120, 104, 124, 108]);
    }

    #[test]
    fn a_sequence_goes_backward_through_its_regions() {
        let sequence = Sequence::new(&[0..16, 100..108], None, Some(-8));
        assert_eq!(ordered(sequence, 4, 8, None), [100, 8, 0, 100]);
    }

    #[test]
    fn a_sequence_keeps_the_alignment() {
        let sequence = Sequence::new(&[101..129], None, None);
        assert_eq!(ordered(sequence, 4, 3, Some(8)), [104, 112, 120, 104]);
        let sequence = Sequence::new(&[101..129], None, Some(-3));
        assert_eq!(ordered(sequence, 4, 3, Some(8)), [120, 112, 104, 120]);
    }
}
